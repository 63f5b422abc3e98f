//! The operations that are measured.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use testkit::{
    bench::{Request, Run, get_as, patch, ratio, run, sign_in, upload},
    eventually,
};

use crate::shape::{PEOPLE, Shape, Usage, between};

const RUN: Duration = Duration::from_secs(3);
/// What a request leaves behind (an event of the outbox, a session's use) is done within this, and is counted with it.
const SETTLE: Duration = Duration::from_millis(600);
/// Uploads a run: no person comes near the bound of pictures in the works.
const UPLOADS: usize = 320;
const PHOTO: &[u8] = include_bytes!("../../../myriad/assets/demo.jpg");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Get,
    Patch,
    SignIn,
    Upload,
}

/// A run and what it took.
pub struct Measured {
    pub run: Run,
    pub usage: Usage,
}

impl Operation {
    pub const ALL: [Self; 4] = [Self::Get, Self::Patch, Self::SignIn, Self::Upload];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::SignIn => "sign-in",
            Self::Upload => "upload",
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::Get | Self::Patch => 200,
            Self::SignIn => 201,
            Self::Upload => 202,
        }
    }

    /// One run. What uploads take is counted until their pictures are done.
    pub async fn measure(self, shape: &Shape, connections: usize) -> Result<Measured> {
        let pictures = shape.pictures().await;
        let before = shape.usage()?;
        let run = run(&shape.address, self.status(), RUN, self.requests(shape, connections)).await?;
        if self == Self::Upload {
            let all = pictures + ratio(run.operations(), 1.0);
            let done = async || {
                tokio::time::sleep(SETTLE).await;
                (shape.pictures().await >= all).then_some(())
            };
            eventually("all pictures are done", Duration::from_mins(3), done).await;
        }
        tokio::time::sleep(SETTLE).await;
        Ok(Measured { run, usage: between(&before, &shape.usage()?) })
    }

    fn requests(self, shape: &Shape, connections: usize) -> Vec<Request> {
        match self {
            Self::Get => shape.people.iter().take(connections).map(get_as).collect(),
            Self::Patch => shape.people.iter().take(connections).map(patch).collect(),
            Self::SignIn => shape.others.iter().take(connections).map(sign_in).collect(),
            Self::Upload => uploads(shape, connections),
        }
    }
}

/// Each connection uploads for one person after the other.
fn uploads(shape: &Shape, connections: usize) -> Vec<Request> {
    let operations = r#"[{"op":"resize","width":48}]"#;
    let all: Arc<[Vec<u8>]> = shape.people.iter().map(|john| upload(john, PHOTO, operations)).collect();
    let connection = |index: usize| -> Request {
        let all = all.clone();
        Box::new(move |number| {
            (number < UPLOADS / connections).then(|| all[(index + number * connections) % PEOPLE].clone())
        })
    };
    (0..connections).map(connection).collect()
}
