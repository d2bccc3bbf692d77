//! `byok models`: what can be called now.

use serde_json::json;

use crate::cli;
use crate::commands::Error;
use crate::home::{Home, Providers};
use crate::terminal::{FAINT, STRONG, Table, Terminal};

/// `byok models [PROVIDER]`
pub(crate) async fn run(args: &cli::Models, terminal: &Terminal) -> Result<(), Error> {
    let home = Home::find(&args.files, terminal)?;
    let store = home.look().await?;
    let Providers { upstreams, .. } =
        Providers::new(home.config.clone(), store.clone(), terminal.redactor()).await?;
    let named = args.provider.as_ref().map(|name| super::find_provider(name, &upstreams)).transpose()?;
    let only = named.map(|spec| spec.id.clone());
    let mut models = upstreams.models();
    models.retain(|model| only.as_ref().is_none_or(|provider| *provider == model.provider));
    store.close().await;
    if models.is_empty() {
        return Err(only.map_or(Error::NoModels, Error::NotLoggedIn));
    }

    let mut table = Table::default();
    table.row([(FAINT, "MODEL"), (FAINT, "PROVIDER"), (FAINT, "CONTEXT"), (FAINT, "OUTPUT")]);
    for model in &models {
        table.row([
            (STRONG, model.id.as_str()),
            (FAINT, model.provider.as_str()),
            (FAINT, &tokens(model.context)),
            (FAINT, &tokens(model.output)),
        ]);
    }
    let list: Vec<_> = models
        .iter()
        .map(|model| {
            json!({
                "id": model.id.as_str(), "provider": model.provider.as_str(), "context": model.context,
                "output": model.output,
            })
        })
        .collect();
    terminal.result(&table.lines(""), &json!({"models": list}));
    Ok(())
}

/// A count of tokens as people say it.
fn tokens(count: Option<u64>) -> String {
    match count {
        None => String::new(),
        Some(count) if count >= 1_000_000 && count % 100_000 == 0 => {
            format!("{}M", decimal(count / 100_000))
        }
        Some(count) if count >= 1_000 => format!("{}k", count / 1_000),
        Some(count) => count.to_string(),
    }
}

/// Tenths, without a fraction that is zero.
fn decimal(tenths: u64) -> String {
    if tenths % 10 == 0 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_short() {
        let check = |count, text: &str| assert_eq!(tokens(count), text);
        check(None, "");
        check(Some(1_000_000), "1M");
        check(Some(1_500_000), "1.5M");
        check(Some(1_048_576), "1048k");
        check(Some(200_000), "200k");
        check(Some(512), "512");
    }
}
