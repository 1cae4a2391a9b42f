//! The only place where a statement on a user's tasks starts: each is filtered
//! by its owner before anything else can be said. `clippy.toml` refuses sea-orm's
//! own starting points everywhere else.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may, and it filters by the owner"
)]

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select, UpdateMany};

use super::entity::task::{Column, Entity};
use crate::auth::User;

/// The tasks of one user.
pub struct OwnedBy<'a>(&'a User);

/// The starting points of a user's statements.
pub fn owned_by(user: &User) -> OwnedBy<'_> {
    OwnedBy(user)
}

impl OwnedBy<'_> {
    /// Who owns the tasks.
    pub fn owner(&self) -> String {
        self.0.subject().to_owned()
    }

    /// All of them.
    pub fn all(&self) -> Select<Entity> {
        Entity::find().filter(Column::UserId.eq(self.owner()))
    }

    /// The one of this id.
    pub fn one(&self, id: i64) -> Select<Entity> {
        self.all().filter(Column::Id.eq(id))
    }

    /// A change of the one of this id.
    pub fn update(&self, id: i64) -> UpdateMany<Entity> {
        let update = Entity::update_many().filter(Column::UserId.eq(self.owner()));
        update.filter(Column::Id.eq(id))
    }
}
