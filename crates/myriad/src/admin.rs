//! `myriad admin`: administrators, over the operators' port.

use anyhow::{Context, Result, anyhow};
use api::operator::v1::{
    CreateAdminRequest, GrantAdminRequest, ListAdminsRequest, RevokeAdminRequest,
    operator_service_client::OperatorServiceClient,
};
use api::user::v1::User;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use runtime::grpc::Client;

use crate::operator::Server;

/// Arguments of `myriad admin`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign somebody up as an administrator; the password comes from a prompt or `MYRIAD_PASSWORD`.
    Create {
        /// E-mail of the new account.
        #[arg(long)]
        email: String,
        /// First name.
        #[arg(long, default_value = "Ada")]
        first_name: String,
        /// Last name.
        #[arg(long, default_value = "Admin")]
        last_name: String,
    },
    /// Make an existing account an administrator.
    Grant {
        /// E-mail of the account.
        #[arg(long)]
        email: String,
    },
    /// Make an administrator an ordinary user again.
    Revoke {
        /// E-mail of the account.
        #[arg(long)]
        email: String,
    },
    /// List the administrators.
    List,
}

/// Carries out one call.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn run(arguments: Arguments) -> Result<()> {
    let server = arguments.server;
    let mut client = OperatorServiceClient::new(server.connect()?);
    match arguments.command {
        Command::Create { email, first_name, last_name } => {
            let password = password()?;
            let request = CreateAdminRequest { email, password, first_name, last_name };
            let answer = client.create_admin(request).await.map_err(|status| server.explain(&status))?;
            done("created", answer.into_inner().user)
        }
        Command::Grant { email } => {
            let answer =
                client.grant_admin(GrantAdminRequest { email }).await.map_err(|status| server.explain(&status))?;
            done("granted", answer.into_inner().user)
        }
        Command::Revoke { email } => {
            let answer =
                client.revoke_admin(RevokeAdminRequest { email }).await.map_err(|status| server.explain(&status))?;
            done("revoked", answer.into_inner().user)
        }
        Command::List => list(&mut client, &server).await,
    }
}

async fn list(client: &mut OperatorServiceClient<Client>, server: &Server) -> Result<()> {
    let users =
        client.list_admins(ListAdminsRequest {}).await.map_err(|status| server.explain(&status))?.into_inner().users;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["id", "e-mail", "name", "since"]);
    for user in users {
        let name = format!("{} {}", user.first_name, user.last_name);
        table.add_row([user.id.to_string(), user.email, name, model::time::rfc3339(user.created_at_ms)]);
    }
    println!("{table}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the command line's one variable that must not be an argument")]
fn password() -> Result<String> {
    if let Ok(password) = std::env::var("MYRIAD_PASSWORD") {
        return Ok(password);
    }
    let first = rpassword::prompt_password("Password: ").context("no terminal to ask at: set MYRIAD_PASSWORD")?;
    let second = rpassword::prompt_password("Again: ")?;
    if first == second { Ok(first) } else { Err(anyhow!("the two are not the same; nothing was changed")) }
}

fn done(what: &str, user: Option<User>) -> Result<()> {
    let user = user.context("the server sent no user")?;
    println!("{what}: {} (user {})", user.email, user.id);
    Ok(())
}
