//! Where users lie.

use testkit::{Person, Server};

use crate::target::options;

// R66: with four shards a user lies on shard `id % 4`: 12 on 0, 13 on 1. R65: and on no other.
pub async fn users_lie_on_the_shard_their_id_names() {
    let mut server = Server::start(options().shards(4)).await.unwrap();
    let api = server.api().unwrap();
    let mut people = Vec::new();
    while people.last().is_none_or(|john: &Person| john.id < 13) {
        people.push(Person::new(&api).await);
    }
    assert!(server.stop().await.unwrap().success());
    for john in &people {
        let holders: Vec<usize> = (0..4).filter(|shard| holds_user(&server, *shard, john.id)).collect();
        assert_eq!(holders, [usize::try_from(john.id % 4).unwrap()], "user {}", john.id);
    }
    assert!(people.iter().any(|john| john.id == 12) && people.iter().any(|john| john.id == 13));
}

fn holds_user(server: &Server, shard: usize, id: u64) -> bool {
    let path = server.directory().join(format!("data/shards/local-{shard}.db"));
    let file = rusqlite::Connection::open(path).unwrap();
    let query = "SELECT count(*) FROM users WHERE id = ?1 AND state = 'live'";
    file.query_row(query, [id.cast_signed()], |row| row.get::<_, i64>(0)).unwrap() == 1
}
