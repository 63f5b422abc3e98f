//! The operators' port and administrators.

use std::collections::BTreeSet;

use testkit::Person;

use crate::target::{Target, admin};

pub async fn operators_calls_are_not_public(target: Target) {
    for path in ["/metrics", "/livez", "/readyz", "/myriad.operator.v1.OperatorService/ListAdmins"] {
        let status = target.api.get(path).send().await.status;
        assert_eq!(status, 404, "{path}");
        let status = target.api.post(path).send().await.status;
        assert_eq!(status, 404, "{path}");
    }
}

pub async fn health_and_metrics_are_on_their_port(target: Target) {
    Person::new(&target.api).await;
    assert_eq!(target.ops.get("/livez").send().await.status, 200);
    assert_eq!(target.ops.get("/readyz").send().await.status, 200);
    let metrics = target.ops.get("/metrics").send().await.text();
    assert!(metrics.contains("/v1/users"), "requests are counted by route template: {metrics}");
    assert!(!metrics.contains("@example.com"), "no personal data in metrics");
}

// R65: the union of the shards is whole, and nobody is in it twice.
pub async fn an_administrator_sees_everybody_once(target: Target) {
    let token = target.admin().await;
    let mut expected = BTreeSet::new();
    for _ in 0..9 {
        expected.insert(Person::new(&target.api).await.id);
    }
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = target.api.get(&format!("/v1/users?limit=4{query}")).bearer(&token).send().await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 4);
        seen.extend(items.iter().map(|user| user["id"].as_u64().unwrap()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "a stable order, nobody twice: {seen:?}");
    let seen: BTreeSet<_> = seen.into_iter().collect();
    assert!(expected.is_subset(&seen));

    let john = Person::new(&target.api).await;
    let path = format!("/v1/users?email={}", john.email.to_uppercase());
    let page = target.api.get(&path).bearer(&token).send().await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["id"], john.id);

    admin(&target.operators, &["grant", "--email", &john.email]).await;
    assert!(admin(&target.operators, &["list"]).await.contains(&john.email));
    admin(&target.operators, &["revoke", "--email", &john.email]).await;
    assert!(!admin(&target.operators, &["list"]).await.contains(&john.email));
}
