//! Which way in: a key or a login, and which login. The name that was typed decides, unless a flag does.

use byok_auth::after::Step;
use byok_provider::{Login, ProviderSpec};

use crate::cli;
use crate::commands::Error;

/// The variable that Google's own programs read a project from.
const PROJECT: &str = "GOOGLE_CLOUD_PROJECT";

/// A way in.
#[derive(Debug)]
pub(super) enum Way<'a> {
    Key,
    Login(&'a Login),
}

/// The way that is meant. A flag that the way has no use for is an error.
pub(super) fn choose<'a>(
    args: &cli::Login,
    spec: &ProviderSpec,
    logins: &'a [Login],
) -> Result<Way<'a>, Error> {
    if args.api_key || args.api_key_stdin {
        if !spec.takes_key() {
            return Err(Error::NoKeys { provider: spec.name.clone(), id: spec.id.clone() });
        }
        return Ok(Way::Key);
    }
    let login = match &args.flow {
        Some(name) => {
            let found = logins.iter().find(|login| login.flow.name == name.as_str());
            Some(found.ok_or_else(|| Error::NoFlow {
                provider: spec.name.clone(),
                name: name.clone(),
                flows: logins.iter().map(|login| (login.flow.name, login.flow.title)).collect(),
            })?)
        }
        None if spec.asks_for_key(&args.provider) => None,
        None => logins.first(),
    };
    let Some(login) = login else {
        let first = [args.start_url.is_some(), args.region.is_some(), args.project.is_some()];
        let flags = ["--start-url", "--region", "--project"];
        return match flags.iter().zip(first).find(|(_, given)| *given) {
            Some((flag, _)) => Err(Error::FlagOfLogins { flag, provider: spec.name.clone() }),
            None => Ok(Way::Key),
        };
    };
    for (flag, given, has) in [
        ("--start-url", args.start_url.is_some(), login.flow.start_url.is_some()),
        ("--region", args.region.is_some(), login.flow.region.is_some()),
        ("--project", args.project.is_some(), takes_project(login)),
    ] {
        if given && !has {
            return Err(Error::FlagOfLogins { flag, provider: spec.name.clone() });
        }
    }
    Ok(Way::Login(login))
}

/// The cloud project that the person named.
pub(super) fn project(args: &cli::Login, login: &Login) -> Option<String> {
    let from_outside = || byok_config::process_environment(PROJECT).filter(|_| takes_project(login));
    args.project.clone().or_else(from_outside)
}

fn takes_project(login: &Login) -> bool {
    login.flow.after.iter().any(|step| matches!(step, Step::Project(project) if project.nameable))
}
