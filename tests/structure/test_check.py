"""Tests of the check: each violation is found in a small tree, and a clean tree has none."""

import tempfile
import unittest
from pathlib import Path

from check import LINES, ROOMS, violations

CLEAN = {
    "src/main.rs": "fn main() { tasks_api::cli::main() }",
    "src/lib.rs": "//! [`store`]\npub mod api; pub mod auth; pub mod cli; pub mod store;",
    "src/cli.rs": "use crate::{api::tasks::Task, store::Store};",
    "src/auth.rs": "mod user; pub use user::User;",
    "src/auth/user.rs": "pub struct User; impl User { fn f<'a, 'b>(_: &'a str, _: &'b str) {} }",
    "src/api.rs": "pub mod rest; pub mod tasks;",
    "src/api/rest.rs": "pub mod json; pub mod problem;",
    "src/api/rest/json.rs": "use super::problem::{self, Problem};\nstruct TaskTable;",
    "src/api/rest/problem.rs": "pub struct Problem; // Knows no Task.",
    "src/api/tasks.rs": "use super::rest::json; use crate::auth::User;",
    "src/store.rs": """
        mod entity; mod error; mod postgres; mod sqlite; #[cfg(test)] mod tests;
        pub use self::error::StoreError;
        pub struct Store(crate::auth::User);
    """,
    "src/store/entity.rs": "pub mod task {}",
    "src/store/error.rs": """
        use sqlx::Error;
        pub mod state { use super::Error; mod class { use super::super::Error; } }
        pub(in crate::store) fn connect() {}
        const TEXT: &str = r#"use super::sqlite::open;"#; /* use super::sqlite::open; */
        #[cfg(test)] #[expect(unused)] mod tests { use crate::{cli, store::{Store, sqlite}}; }
        #[cfg(all(test, unix))] fn f() -> [u8; 2] { super::sqlite::open() }
    """,
    "src/store/postgres.rs": "use super::{entity::task as row, error}; fn f() { row::f() }",
    "src/store/sqlite.rs": "pub fn open() { super::error::connect() }",
    "src/store/tests.rs": "use super::*; use crate::cli;",
    "migration/src/lib.rs": "use sea_orm_migration::prelude::*;",
}


def check(changes):
    with tempfile.TemporaryDirectory() as folder:
        tree = CLEAN | changes
        for file, text in tree.items():
            (Path(folder) / file).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / file).write_text(text)
        return violations(Path(folder), tree)


class Check(unittest.TestCase):
    def finds(self, changes, *expected):
        """One violation, and its message has all the expected parts."""
        found = check(changes)
        self.assertEqual(len(found), 1, found)
        for part in expected:
            self.assertIn(part, found[0])

    def test_a_clean_tree_has_no_violations(self):
        self.assertEqual(check({}), [])

    def test_rooms_name_only_rooms_below_them(self):
        order = list(ROOMS)
        for room, others in ROOMS.items():
            for other in others:
                self.assertLess(order.index(room), order.index(other), (room, other))

    def test_two_files_that_import_each_other_are_a_cycle(self):
        self.finds(
            {
                "src/store/error.rs": "\nuse crate::store::entity::task::Model;",
                "src/store/entity.rs": "pub mod task { use crate::store::{\n error::StoreError}; }",
            },
            "cycle of 2 files",
            "src/store/error.rs:2: imports src/store/entity.rs (crate::store::entity::task::Model)",
            "src/store/entity.rs:1: imports src/store/error.rs (crate::store::error::",
        )

    def test_a_child_that_imports_the_parent_that_uses_it_is_a_cycle(self):
        parents = {
            "a re-export": "mod user; pub struct Secret; pub use user::User;",
            "an in-line path": "mod user; pub struct Secret; fn f() { user::verify() }",
            "a nested use": "mod user; pub struct Secret; use self::{user::{User as U}};",
            "an absolute path": "mod user; pub struct Secret(crate::auth::user::User);",
        }
        children = ["use super::Secret;", "use super::*;", "fn f(_: super::Secret) {}"]
        for name, parent in parents.items():
            for child in children:
                with self.subTest(name, child=child):
                    self.finds(
                        {"src/auth.rs": parent, "src/auth/user.rs": child},
                        "cycle of 2 files",
                        "src/auth.rs:1: imports src/auth/user.rs",
                        "src/auth/user.rs:1: imports src/auth.rs",
                    )

    def test_a_child_may_import_a_parent_that_only_declares_it(self):
        parent = "mod user; pub struct Secret; fn f() { ::user::f() }"
        child = "use super::Secret;"
        self.assertEqual(check({"src/auth.rs": parent, "src/auth/user.rs": child}), [])

    def test_a_cycle_through_three_files_is_found(self):
        self.finds(
            {
                "src/auth.rs": "mod a; mod b; mod user; pub use self::user::User;",
                "src/auth/a.rs": "use crate::auth as home; fn f() { home::user::f() }",
                "src/auth/b.rs": "use crate::auth::{self}; fn f() { auth::a::f() }",
                "src/auth/user.rs": "pub struct User; fn f() { super::b::f() }",
            },
            "src/auth/a.rs:1: imports src/auth/user.rs (home::user::f)",
            "src/auth/b.rs:1: imports src/auth/a.rs (auth::a::f)",
            "src/auth/user.rs:1: imports src/auth/b.rs",
        )

    def test_forbidden_room_arrows_are_found(self):
        cases = [
            ("src/auth/user.rs", "use super::super::api::tasks::f;", "auth does not import api"),
            ("src/api/tasks.rs", "use crate::store::Store;", "api does not import store"),
            ("src/auth/user.rs", "fn f() { crate::api::tasks::f() }", "auth does not import api"),
            ("src/api/rest/json.rs", "use tasks_api_migration::Migrator;", "import migration"),
            ("migration/src/lib.rs", "\nuse tasks_api::auth::User;", "migration does not import"),
            ("src/store/sqlite.rs", "use crate::{cli as c};", "store does not import cli"),
            ("src/store/sqlite.rs", "use crate::VERSION;", "store does not import lib"),
        ]
        for file, text, message in cases:
            with self.subTest(text):
                self.finds({file: text}, f"{file}:", message)

    def test_an_unknown_room_is_found(self):
        self.finds(
            {"src/lib.rs": f"{CLEAN['src/lib.rs']} mod new;", "src/new.rs": "use std::io;"},
            "room new is not in ROOMS",
        )

    def test_crates_that_a_room_does_not_know_are_found(self):
        for file, text, name in [
            ("src/auth/user.rs", "use poem::Request;", "poem"),
            ("src/auth/user.rs", "#[derive(sea_orm::FromQueryResult)] struct User;", "sea_orm"),
            ("src/auth/user.rs", "const A: [char; 2] = ['\"', sqlx::QUOTE, '\"'];", "sqlx"),
            ("src/api/tasks.rs", "use ::sqlx::{self as database};", "sqlx"),
        ]:
            with self.subTest(text):
                self.finds({file: text}, f"{file}:1: imports {name}", "does not use")

    def test_the_mechanism_below_the_contract_names_no_task(self):
        for name in ["Task", "TaskError", "TaskService"]:
            with self.subTest(name):
                found = f"src/api/rest.rs:2: names {name}"
                self.finds({"src/api/rest.rs": f"\nstruct {name};"}, found)
        self.finds(
            {"src/api/rest/json.rs": "use crate::api::tasks;", "src/api/tasks.rs": ""},
            "src/api/rest does not import src/api/tasks",
        )

    def test_engines_do_not_import_each_other(self):
        for engine, other in [("postgres", "sqlite"), ("sqlite", "postgres")]:
            with self.subTest(engine):
                self.finds(
                    {f"src/store/{engine}.rs": f"use crate::store::{other}::open;"},
                    f"src/store/{engine} does not import src/store/{other}",
                )

    def test_long_sources_are_found(self):
        self.finds({"tests/api.rs": "\n" * (LINES + 1)}, f"tests/api.rs: {LINES + 1} lines")
        self.finds({"web/page.tsx": "\n" * (LINES + 1)}, "web/page.tsx")
        for file in ["tests/api.rs", "clients/typescript/src/generated.ts", "README.md"]:
            lines = LINES if file.startswith("tests") else 2 * LINES
            self.assertEqual(check({file: "\n" * lines}), [])


if __name__ == "__main__":
    unittest.main()
