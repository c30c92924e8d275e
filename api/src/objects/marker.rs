//! Which store it is. A store has an object with its id in it, and a database notes the id of the store that its files
//! are in: a server that looks for them somewhere else does not start.

use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, path::Path};
use uuid::Uuid;
use voronka_persistence::Store;

use super::{Fault, Objects, Place};
use crate::Failure;

const NAME: &str = "voronka-store";

impl Objects {
    /// The store at a place, if it is the one of the database. A database that has none yet takes this one for good.
    pub fn of(store: &Store, place: &Place) -> Result<Self, Failure> {
        let noted = store.file_store()?;
        if noted.is_some() && place.is_missing() {
            return Err(another(place, None, noted).into());
        }
        let objects = Self::at(place)?;
        let noted = match noted {
            Some(noted) => noted,
            None => store.file_store_or(|| {
                let made = objects.ask(place, true)?;
                made.ok_or_else(|| Failure::from(format!("{place} does not keep its marker.")))
            })?,
        };
        match objects.ask(place, false)? {
            Some(marked) if marked == noted => {
                let _ = objects.0.is.set(noted);
                Ok(objects)
            }
            marked => Err(another(place, marked, Some(noted)).into()),
        }
    }

    /// Says whether a server could start with the store at a place, and changes nothing.
    pub fn check(store: Option<&Store>, place: &Place) -> Result<String, Failure> {
        let noted = store.map(Store::file_store).transpose()?.flatten();
        let marked = match place.is_missing() {
            true => None,
            false => Self::at(place)?.ask(place, false)?,
        };
        match (noted, marked) {
            (None, None) => Ok(format!("Files will be kept in {place}, from the first start on.")),
            (None, Some(id)) => Ok(format!("Files will be kept in {place}, which is store {id}.")),
            (Some(noted), Some(id)) if noted == id => {
                Ok(format!("Files are kept in {place}, which is store {id}."))
            }
            (noted, marked) => Err(another(place, marked, noted).into()),
        }
    }

    fn ask(&self, place: &Place, make: bool) -> Result<Option<Uuid>, Failure> {
        let answer = self.wait(self.marked(make))?;
        Ok(answer.map_err(|error| format!("The store of files, {place}: {error}"))?)
    }

    /// A directory whose disk goes away is an empty one: what is written into it is lost when the disk is back, and what
    /// is not found in it is not gone.
    pub(super) async fn is_still_there(&self) -> Result<(), Fault> {
        let Some(is) = self.0.is.get().filter(|_| self.0.directory.is_some()) else {
            return Ok(());
        };
        let found = match self.0.store.get(&Path::from(NAME)).await {
            Ok(found) => found.bytes().await?,
            Err(error) => return Err(Fault(error)),
        };
        match String::from_utf8_lossy(&found).trim() == is.to_string() {
            true => Ok(()),
            false => {
                let source = "it is another store than at the start".into();
                Err(Fault(Error::Generic { store: "directory", source }))
            }
        }
    }

    /// The id in the store; one that has none gets it, if it is to. Of several servers one makes it.
    async fn marked(&self, make: bool) -> Result<Option<Uuid>, Failure> {
        if let Some(id) = self.marker().await? {
            return Ok(Some(id));
        }
        if !make {
            return Ok(None);
        }
        let only = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let marker = format!("{}\n", Uuid::now_v7());
        match self.0.store.put_opts(&Path::from(NAME), marker.into(), only).await {
            Ok(_) | Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.marker().await
    }

    async fn marker(&self) -> Result<Option<Uuid>, Failure> {
        let found = match self.0.store.get(&Path::from(NAME)).await {
            Ok(found) => found.bytes().await?,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = String::from_utf8_lossy(&found);
        let id = text.trim().parse::<Uuid>();
        Ok(Some(id.map_err(|_| format!("its marker, {NAME}, does not say which store it is"))?))
    }
}

fn another(place: &Place, marked: Option<Uuid>, noted: Option<Uuid>) -> String {
    let is = marked.map_or("is no store of files yet".to_owned(), |id| format!("is store {id}"));
    let wants = noted.map_or("another one".to_owned(), |id| format!("store {id}"));
    format!(
        "The files of this database are in {wants}, and {place} {is}. Set VORONKA_FILES to where they are: every \
         server of a database needs the same store. If the store was lost, restore it from its backup, with its \
         object {NAME}; docs/files.md says what to do if there is none."
    )
}
