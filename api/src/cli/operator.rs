//! Commands for the operator of the machine. They work beside a running server.

use std::io::Read;

use uuid::Uuid;
use voronka_domain::people::access::Role;
use voronka_persistence::{
    Answer, Noun, Store,
    deals::Why,
    now,
    people::{
        password_resets,
        users::{self, Account, User},
    },
    workspace::workspaces::{self, Workspace},
};

use super::{Database, serve::tokens};
use crate::{
    Failure,
    auth::secret::{PASSWORD_TOKEN, Secret},
    config::{DatabaseConfig, UserCommand, WorkspaceCommand},
    demo,
    embedded::Mode,
    founding::{create, new_user, new_workspace},
    v1::people::passwords::new_reset,
};

pub fn migrate(config: &DatabaseConfig) -> Result<(), Failure> {
    Database::open(config, Mode::Beside)?;
    println!("The schema is up to date.");
    Ok(())
}

pub fn demo(config: &DatabaseConfig, files_only: bool) -> Result<(), Failure> {
    if files_only {
        let directory = demo::write_files(&config.data_dir)?;
        println!("The demo company's files are in {}.", directory.display());
        return Ok(());
    }
    let database = Database::open(config, Mode::Beside)?;
    let loaded = demo::load(&database.store, &config.data_dir)?;
    println!("{}", loaded.describe("http://127.0.0.1:8080"));
    Ok(())
}

pub fn workspace(config: &DatabaseConfig, command: WorkspaceCommand) -> Result<(), Failure> {
    let database = Database::open(config, Mode::Beside)?;
    match command {
        WorkspaceCommand::List => {
            for workspace in workspaces::all(&database.store)? {
                println!("{}  {}", workspace.workspace_id, workspace.name);
            }
        }
        WorkspaceCommand::Create {
            name,
            currency,
            time_zone,
            admin_email,
            admin_name,
            admin_password_stdin: _,
        } => {
            let password = read_password()?;
            let workspace = new_workspace(&name, &currency, &time_zone)?;
            let admin = new_user(&admin_name, &admin_email, Role::Admin, Some(&password))?;
            let id = workspace.workspace_id;
            create(&database.store, workspace, admin)?;
            println!("{id}");
        }
    }
    Ok(())
}

pub fn user(config: &DatabaseConfig, command: UserCommand) -> Result<(), Failure> {
    let database = Database::open(config, Mode::Beside)?;
    let (workspace, name, email, role, password_stdin) = match command {
        UserCommand::ResetPassword { email, workspace } => {
            return reset_password(&database.store, &email, workspace);
        }
        UserCommand::Create { workspace, name, email, role, password_stdin } => {
            (workspace, name, email, role, password_stdin)
        }
    };
    let password = password_stdin.then(read_password).transpose()?;
    let role =
        voronka_persistence::core::enum_names::from_name::<Role>(&role).ok_or("unknown role")?;
    let user = new_user(&name, &email, role, password.as_deref())?;
    let id = user.id;
    let workspace = only(workspaces::all(&database.store)?, workspace)?;
    let operator = database.store.operator(&workspace)?;
    database.store.write(&operator, now(), None, |unit| {
        User::insert(unit, &user)?;
        Ok(Answer::default())
    })?;
    println!("{id}");
    Ok(())
}

/// Prints a token by which the user sets a password.
fn reset_password(store: &Store, email: &str, workspace: Option<Uuid>) -> Result<(), Failure> {
    let account = account(store, email, workspace)?;
    let workspace = only(workspaces::all(store)?, Some(account.workspace_id))?;
    let token = Secret::generate(PASSWORD_TOKEN, account.workspace_id, account.user.id);
    store.write(&store.operator(&workspace)?, now(), None, |unit| {
        let reset = new_reset(&token, unit);
        password_resets::put(unit, &reset)?;
        Ok(Answer::default())
    })?;
    println!("{}", token.text);
    Ok(())
}

pub fn token(config: &DatabaseConfig, email: &str, workspace: Option<Uuid>) -> Result<(), Failure> {
    let database = Database::open(config, Mode::Beside)?;
    let account = account(&database.store, email, workspace)?;
    let tokens = tokens(&database.store, std::env::var("VORONKA_JWT_SECRET").ok(), 900, 0)?;
    let Account { workspace_id, token_version, user } = account;
    println!("{}", tokens.issue(workspace_id, user.id, token_version, now())?);
    Ok(())
}

fn account(store: &Store, email: &str, workspace: Option<Uuid>) -> Result<Account, Failure> {
    let mut found = users::by_email(store, email)?;
    found.retain(|one| workspace.is_none_or(|wanted| wanted == one.workspace_id));
    match (found.pop(), found.pop()) {
        (None, _) => Err(format!("there is no active user {email}").into()),
        (Some(one), None) => Ok(one),
        _ => Err("several workspaces have such a user; name one with --workspace".into()),
    }
}

pub fn resting(
    config: &DatabaseConfig,
    workspace: Option<Uuid>,
    wake: bool,
) -> Result<(), Failure> {
    let Database { store, .. } = &Database::open(config, Mode::Beside)?;
    let mut resting = 0_usize;
    let mut all = workspaces::all(store)?;
    if let Some(wanted) = workspace {
        all.retain(|one| one.workspace_id == wanted);
        if all.is_empty() {
            return Err(format!("there is no workspace {wanted}").into());
        }
    }
    for one in all {
        let operator = store.operator(&one)?;
        let found = store.resting(&operator, now(), wake, |deal| {
            let why = match deal.why {
                Why::Gate => "gate met",
                Why::Clock => "clock rule",
            };
            println!("{}  {}  {why}  {}  {}", one.name, deal.id, deal.stage_key, deal.title);
        })?;
        resting = resting.saturating_add(found);
    }
    match (resting, wake) {
        (0, _) => println!("No deal rests that would go on."),
        (_, true) => println!("{resting} deals go on as soon as a server looks at them."),
        (_, false) => println!("{resting} deals rest. With --wake they go on."),
    }
    Ok(())
}

fn only(all: Vec<Workspace>, wanted: Option<Uuid>) -> Result<Workspace, Failure> {
    let mut fitting = all
        .into_iter()
        .filter(|workspace| wanted.is_none_or(|wanted| wanted == workspace.workspace_id));
    match (fitting.next(), fitting.next()) {
        (Some(workspace), None) => Ok(workspace),
        (None, _) => Err("there is no such workspace".into()),
        (Some(_), Some(_)) => Err("there are several workspaces; name one with --workspace".into()),
    }
}

fn read_password() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
