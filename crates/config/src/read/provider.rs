//! The fields of one provider.

use std::collections::{BTreeSet, HashMap};

use byok_types::{Family, ModelId, Secret};

use super::reader::{Field, Reader};
use super::{address, first_of, value};
use crate::error::Reason;
use crate::model::{ModelEntry, OAuthConfig, ProviderConfig};
use crate::schema;

/// What the file says about a provider.
pub(super) fn config(reader: &mut Reader<'_>, field: Field) -> ProviderConfig {
    let mut config = ProviderConfig::default();
    let mut fields = reader.fields(field, schema::PROVIDER);
    if let Some(field) = fields.take("enabled") {
        reader.set(&mut config.enabled, field, |text| value::switch(&text));
    }
    if let Some(field) = fields.take("api_key") {
        config.api_key = reader.secret(field, |text| value::secret(&text));
    }
    if let Some(field) = fields.take("base_url") {
        config.base_url = reader.read(field, |text| address::base_url(&text));
    }
    if let Some(field) = fields.take("family") {
        config.family = reader.read(field, |text| family(&text));
    }
    if let Some(field) = fields.take("models") {
        config.models = Some(models(reader, field));
    }
    if let Some(field) = fields.take("headers") {
        config.headers = headers(reader, field);
    }
    if let Some(field) = fields.take("timeout_s") {
        config.timeout = reader.read(field, |text| value::seconds(&text));
    }
    if let Some(field) = fields.take("proxy") {
        config.proxy = reader.secret_where(field, |text| address::proxy(&text), address::has_user_info);
    }
    if let Some(field) = fields.take("oauth") {
        config.oauth = oauth(reader, field);
    }
    config
}

fn family(text: &str) -> Result<Family, Reason> {
    text.parse().or_else(|_| {
        let words = Family::ALL.map(|family| (family.name(), family));
        value::word(text, &words)
    })
}

fn models(reader: &mut Reader<'_>, field: Field) -> Vec<ModelEntry> {
    let mut models = Vec::new();
    let mut seen = HashMap::new();
    for item in reader.items(field) {
        let line = item.place().line;
        let mut id = |text: String| {
            value::model_name(&text)?;
            first_of(&mut seen, text.clone(), line)?;
            Ok(ModelId::new(text))
        };
        if !item.is_map() {
            models.extend(reader.read(item, id).map(|id| ModelEntry {
                id,
                name: None,
                context: None,
                output: None,
            }));
            continue;
        }
        let whole = item.place_and_path();
        let mut fields = reader.fields(item, schema::MODEL);
        let id = fields.require(reader, &whole, "id").and_then(|field| reader.read(field, &mut id));
        let name = fields.take("name").and_then(|field| reader.read(field, value::line));
        let context =
            fields.take("context").and_then(|field| reader.read(field, |text| value::tokens(&text)));
        let output = fields.take("output").and_then(|field| reader.read(field, |text| value::tokens(&text)));
        models.extend(id.map(|id| ModelEntry { id, name, context, output }));
    }
    models
}

fn headers(reader: &mut Reader<'_>, field: Field) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, field) in reader.entries(field) {
        let name = match value::header_name(&name) {
            Ok(name) if seen.insert(name.clone()) => name,
            // The same in other letters; the reader has seen to the same in the same letters.
            Ok(_) => {
                let reason =
                    Reason::Rule("this header stands twice; upper and lower case make no difference");
                reader.problem(&field, reason);
                continue;
            }
            Err(reason) => {
                reader.problem(&field, reason);
                continue;
            }
        };
        if let Some(value) = reader.secret(field, |text| value::header_value(&text)) {
            headers.push((name, value));
        }
    }
    headers
}

fn oauth(reader: &mut Reader<'_>, field: Field) -> OAuthConfig {
    let mut fields = reader.fields(field, schema::OAUTH);
    let mut url = |reader: &mut Reader<'_>, name| {
        let field = fields.take(name)?;
        reader.read(field, |text| address::upstream(&text))
    };
    let authorize_url = url(reader, "authorize_url");
    let token_url = url(reader, "token_url");
    let device_url = url(reader, "device_url");
    OAuthConfig {
        client_id: fields.take("client_id").and_then(|field| reader.read(field, value::line)),
        client_secret: fields
            .take("client_secret")
            .and_then(|field| reader.secret(field, |text| value::secret(&text))),
        authorize_url,
        token_url,
        device_url,
        scopes: fields.take("scopes").map(|field| scopes(reader, field)),
    }
}

/// A list, or one text with spaces between, as vendors' pages give them.
fn scopes(reader: &mut Reader<'_>, field: Field) -> Vec<String> {
    let scope = |text: String| {
        let text = value::line(text)?;
        Ok(text.split_whitespace().map(ToOwned::to_owned).collect())
    };
    let found: Vec<Vec<String>> = if field.is_list() {
        reader.list(field, scope)
    } else {
        reader.read(field, scope).into_iter().collect()
    };
    found.concat()
}
