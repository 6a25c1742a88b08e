//! An OpenAPI document as a page to read.

use anyhow::Context as _;
use askama::Template;
use serde_json::Value;

/// The verbs of OpenAPI, in the order in which a reader expects them.
const VERBS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[derive(Template)]
#[template(path = "api.html")]
struct Page<'a> {
    assets: &'a str,
    title: &'a str,
    description: &'a str,
    groups: Vec<Group<'a>>,
    schemas: Vec<Named>,
}

struct Group<'a> {
    name: &'a str,
    anchor: String,
    description: &'a str,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    id: &'a str,
    verb: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    signed_in: bool,
    parameters: Vec<Parameter<'a>>,
    body: Option<String>,
    responses: Vec<Response<'a>>,
}

struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    description: &'a str,
}

struct Response<'a> {
    status: &'a str,
    description: &'a str,
    body: Option<String>,
}

struct Named {
    name: String,
    body: String,
}

/// The page for `document`, with its styles from `assets`.
pub(super) fn render(document: &str, assets: &str) -> anyhow::Result<String> {
    let document: Value = serde_json::from_str(document).context("the API's description")?;
    let tags = document["tags"].as_array().context("tags")?;
    let groups = tags.iter().map(|tag| group(tag, &document)).collect::<anyhow::Result<_>>()?;
    let schemas = document["components"]["schemas"].as_object().context("schemas")?;
    let page = Page {
        assets,
        title: text(&document["info"]["title"]),
        description: text(&document["info"]["description"]),
        groups,
        schemas: schemas
            .iter()
            .map(|(name, schema)| Named { name: name.clone(), body: pretty(schema) })
            .collect(),
    };
    Ok(page.render()?)
}

fn group<'a>(tag: &'a Value, document: &'a Value) -> anyhow::Result<Group<'a>> {
    let name = text(&tag["name"]);
    let mut operations = Vec::new();
    for (path, verbs) in document["paths"].as_object().context("paths")? {
        for verb in VERBS {
            if let Some(operation) = verbs.get(verb)
                && operation["tags"][0] == name
            {
                operations.push(self::operation(verb, path, operation, document));
            }
        }
    }
    let anchor = name.to_lowercase().replace(' ', "-");
    Ok(Group { name, anchor, description: text(&tag["description"]), operations })
}

fn operation<'a>(
    verb: &str,
    path: &'a str,
    operation: &'a Value,
    document: &'a Value,
) -> Operation<'a> {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let responses = operation["responses"].as_object().into_iter().flatten();
    Operation {
        id: text(&operation["operationId"]),
        verb: verb.to_uppercase(),
        path,
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        signed_in: operation["security"].as_array().is_some_and(|ways| !ways.is_empty()),
        parameters: parameters
            .iter()
            .map(|parameter| Parameter {
                name: text(&parameter["name"]),
                place: text(&parameter["in"]),
                description: text(&parameter["description"]),
            })
            .collect(),
        body: schema_of(&operation["requestBody"]),
        responses: responses
            .map(|(status, response)| shown(status, resolved(response, document)))
            .collect(),
    }
}

fn shown<'a>(status: &'a str, response: &'a Value) -> Response<'a> {
    Response { status, description: text(&response["description"]), body: schema_of(response) }
}

/// Follows a reference within the document.
fn resolved<'a>(value: &'a Value, document: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn schema_of(holder: &Value) -> Option<String> {
    let content = &holder["content"]["application/json"];
    let shown = content.get("example").or_else(|| content.get("schema"))?;
    match shown["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        Some(name) => Some(name.to_owned()),
        None => Some(pretty(shown)),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() // A Value always serialises.
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_on_the_page() {
        let page = render(super::super::DOCUMENT, "/assets/1").unwrap();
        let document: Value = serde_json::from_str(super::super::DOCUMENT).unwrap();
        for (path, verbs) in document["paths"].as_object().unwrap() {
            for verb in verbs.as_object().unwrap().keys() {
                let id = verbs[verb]["operationId"].as_str().unwrap();
                assert!(page.contains(&format!("id=\"{id}\"")), "{verb} {path}");
            }
        }
        assert!(!page.contains("<script"));
    }
}
