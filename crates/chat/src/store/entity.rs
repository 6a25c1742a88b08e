//! The rows of `rooms` and `messages`.

/// A room.
pub(crate) mod room {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "rooms")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        pub epoch: String,
        pub created_at: i64,
        /// The newest message's id, always `MAX(id)` of its messages; 0 if there is none.
        pub head: i64,
        /// The number of the newest change to what was said. Nothing takes numbers yet.
        pub rev: i64,
        /// When the newest message was accepted; 0 if there is none.
        pub last_at: i64,
        /// Appends that name another number store nothing; see `store::ledger::server`.
        pub fence: i64,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A message.
pub(crate) mod message {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "messages")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub room_id: i64,
        /// Counts up within the room.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        /// An account; no foreign key, so that chat stands without accounts' tables.
        pub author_id: i64,
        /// The author's name when it was posted.
        pub author: String,
        #[sea_orm(column_type = "Text")]
        pub text: String,
        pub sent_at: i64,
        pub client_id: Option<String>,
        /// When an admin took its text away, which is empty since.
        pub removed_at: Option<i64>,
        /// The process that stored it, by a number of its own, in a database of a server.
        pub origin: Option<i64>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which turn of the database's history was seen last; one row.
pub(crate) mod timeline {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chat_timeline")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub one: i16,
        pub timeline: String,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
