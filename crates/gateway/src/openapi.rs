//! The OpenAPI 3.1 document: generated from the handlers, completed from the route table.

use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::{
    OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{
    error::ProblemBody,
    routes::{TABLE, feed, images, media, pages, password, picture, sessions, users},
    table::{Access, Route},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Myriad",
        version = "1",
        description = "Accounts, profiles, sign-in sessions and pictures.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody)),
    paths(
        users::create::handle,
        users::list::handle,
        users::me::handle,
        users::get::handle,
        users::get::handle_unprefixed,
        users::patch::handle,
        users::delete::handle,
        password::handle,
        picture::set,
        picture::clear,
        images::upload::handle,
        images::list::handle,
        images::get::handle,
        images::delete::handle,
        images::events::handle,
        sessions::create::handle,
        sessions::list::handle,
        sessions::end::all,
        sessions::end::current,
        sessions::end::one,
        feed::recent,
        media::handle,
        pages::index::handle,
        pages::files::asset,
        pages::files::icon,
        pages::docs::openapi,
        pages::docs::page,
        pages::docs::file,
        pages::problems::handle,
    )
)]
struct Document;

/// The document as it is served. `server` is where clients reach the gateway.
pub fn document(server: &str) -> anyhow::Result<Bytes> {
    Ok(serde_json::to_vec(&complete(server)?)?.into())
}

fn complete(server: &str) -> anyhow::Result<Value> {
    let mut document = Document::openapi();
    let components = document.components.get_or_insert_default();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("bearer", bearer);
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-myriad"))));
    let mut document = serde_json::to_value(document)?;
    document["servers"] = json!([{ "url": server }]);
    for route in TABLE {
        let operation = &mut document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        describe(operation, route);
    }
    // Each of the two comes as one part that holds JSON, not as a part for each item.
    let json = json!({ "contentType": "application/json" });
    document["paths"]["/v1/users/{id}/images"]["post"]["requestBody"]["content"]["multipart/form-data"]["encoding"] =
        json!({ "operations": json, "variants": json });
    Ok(document)
}

/// What every operation has by its place in the table: who may call it, and that it may answer with a problem.
fn describe(operation: &mut Value, route: &Route) {
    let signed_in = json!([{ "bearer": [] }, { "cookie": [] }]);
    operation["security"] =
        if route.access == Access::Public { json!([{}, { "bearer": [] }, { "cookie": [] }]) } else { signed_in };
    let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    operation["responses"]["default"] = json!({
        "description": "A problem (RFC 9457); its code tells which",
        "content": { "application/problem+json": problem },
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_and_the_table_hold_the_same_routes() {
        // R3
        let document = serde_json::to_value(Document::openapi()).unwrap();
        let mut documented = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                documented.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let table: BTreeSet<String> = TABLE.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(documented, table);
    }

    #[test]
    fn every_operation_says_who_may_and_how_it_fails() {
        // R3
        let document = complete("http://example.com").unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut ids = BTreeSet::new();
        for route in TABLE {
            let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            assert!(
                operation["security"].is_array() && operation["responses"]["default"].is_object(),
                "{}",
                route.path
            );
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in ["User", "PublicUser", "Image", "FeedPicture", "Session", "Problem", "SignUp"] {
            assert!(schemas.contains_key(name), "{name}");
        }
        // The two forms of a user exclude each other: the public one has exactly its keys.
        assert_eq!(schemas["PublicUser"]["additionalProperties"], false);
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name} is referred to but not there");
        }
    }
}
