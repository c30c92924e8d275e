//! What is the same of every noun with a path of its own: it is listed, made, read and changed.

use serde::Serialize;
use uuid::Uuid;
use voronka_persistence::{Error, Listed, Noun, Unit};

use super::{
    call::{Call, Id, Needs, Responded},
    reply::Reply,
};
use crate::state::App;

/// A noun, as it is answered.
pub trait Resource: Noun + Send + 'static {
    type Body: From<Self> + Serialize + Send + 'static;
    const PATH: &'static str;

    /// Forgets what the server keeps in memory and a change has made untrue.
    fn forget(_app: &App, _workspace_id: Uuid) {}

    fn reply(self) -> Reply<Self::Body> {
        let version = self.version();
        Reply::versioned(self.into(), version)
    }
}

impl<P: Needs> Call<P> {
    pub async fn list_of<R: Resource + Listed>(self) -> Responded {
        self.page(R::LIST, |tenant, _, _, query| Ok(R::list(tenant, query)?.map(R::Body::from)))
            .await
    }

    pub async fn one_of<R: Resource>(self, id: Id) -> Responded {
        self.no_parameters()?;
        self.read(move |tenant, _, _| Ok(R::get(tenant, id.0)?.reply())).await
    }

    /// Makes one, as `new` says.
    pub async fn create<R: Resource>(
        self,
        digest: Vec<u8>,
        new: impl FnOnce(&mut Unit<'_>) -> Result<R, Error> + Clone + Send + 'static,
    ) -> Responded {
        self.no_parameters()?;
        let (app, workspace_id) = (self.app.clone(), self.caller.workspace_id);
        let response = self.write(digest, move |unit, _| {
            let row = new(unit)?;
            R::insert(unit, &row)?;
            let (location, version) = (format!("{}/{}", R::PATH, row.id()), row.version());
            Ok(Reply::created(location, R::Body::from(row), version))
        });
        let response = response.await;
        R::forget(&app, workspace_id);
        response
    }

    /// Makes of one what `change` says.
    pub async fn update<R: Resource>(
        self,
        digest: Vec<u8>,
        id: Id,
        change: impl FnOnce(&mut Unit<'_>, R) -> Result<R, Error> + Clone + Send + 'static,
    ) -> Responded {
        self.no_parameters()?;
        let (app, workspace_id) = (self.app.clone(), self.caller.workspace_id);
        let response = self.write(digest, move |unit, if_match| {
            let before = R::lock(unit, id.0, if_match)?;
            let row = change(unit, before.clone())?;
            Ok(R::save(unit, &before, row)?.reply())
        });
        let response = response.await;
        R::forget(&app, workspace_id);
        response
    }
}
