//! What the clients share: where the servers are, and the few deals on which all of them are at any moment.

use std::sync::{
    Mutex, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use voronka_integration_tests::{
    Api,
    operations::{Deal, Flavour, Kind, Operation, Type, World},
};

use crate::random::Random;

/// Deals at which clients meet.
const PLACES: usize = 8;
/// What is done to a deal before another one takes its place.
const TURNS: usize = 14;
/// Deals that are opened in one go.
const SHOAL: usize = 250;

struct Place {
    deal: Deal,
    kinds: Vec<Kind>,
    turns: usize,
}

pub struct Sea {
    apis: RwLock<Vec<Api>>,
    pub world: World,
    operations: Vec<Operation>,
    places: Mutex<Vec<Place>>,
    /// Deals that wait for a place.
    shoal: Mutex<Vec<(Deal, Vec<Kind>)>>,
    /// Whoever opens deals does so alone.
    source: tokio::sync::Mutex<(World, Random)>,
    over: AtomicBool,
    keys: AtomicU64,
}

impl Sea {
    pub async fn fill(apis: Vec<Api>, seed: u64) -> Self {
        let world = World::furnish(apis[0].clone()).await;
        let sea = Self {
            apis: RwLock::new(apis),
            world: world.clone(),
            operations: voronka_integration_tests::operations::all(),
            places: Mutex::default(),
            shoal: Mutex::default(),
            source: tokio::sync::Mutex::new((world, Random::new(seed, 0))),
            over: AtomicBool::new(false),
            keys: AtomicU64::new(0),
        };
        sea.spawn().await;
        for _ in 0..PLACES {
            let (deal, kinds) = sea.shoal.lock().unwrap().pop().expect("a deal");
            sea.places.lock().unwrap().push(Place { deal, kinds, turns: 0 });
        }
        sea
    }

    /// More deals, where there are few left: each with a gate of two things, in one of all flavours.
    pub async fn spawn(&self) {
        let Ok(mut source) = self.source.try_lock() else { return };
        if self.shoal.lock().unwrap().len() > SHOAL / 4 {
            return;
        }
        let (world, random) = &mut *source;
        let types: Vec<Type> = (0..SHOAL)
            .map(|_| {
                let [first, second] = [(); 2].map(|()| Kind::ALL[random.below(Kind::ALL.len())]);
                let kinds = if first == second { vec![first] } else { vec![first, second] };
                let flavours = [Flavour::Bare, Flavour::Bare, Flavour::Ruled, Flavour::Manual];
                (kinds, flavours[random.below(4)])
            })
            .collect();
        world.admin = self.api(random);
        let Some(deals) = world.deals(&types).await else { return };
        let kinds = types.into_iter().map(|(kinds, _)| kinds);
        self.shoal.lock().unwrap().extend(deals.into_iter().zip(kinds));
    }

    /// One of the servers.
    pub fn api(&self, random: &mut Random) -> Api {
        let apis = self.apis.read().unwrap();
        apis[random.below(apis.len())].clone()
    }

    /// A server is somewhere else now.
    pub fn moved(&self, server: usize, api: Api) {
        self.apis.write().unwrap()[server] = api;
    }

    /// Operations and the deal for them: mostly such that matter to its gate.
    pub fn choose(&self, random: &mut Random, operations: usize) -> (Vec<Operation>, Deal) {
        let mut places = self.places.lock().unwrap();
        let number = random.below(places.len());
        if places[number].turns >= TURNS
            && let Some((deal, kinds)) = self.shoal.lock().unwrap().pop()
        {
            places[number] = Place { deal, kinds, turns: 0 };
        }
        let place = &mut places[number];
        place.turns += operations;
        let concerns = |one: &&Operation| one.gate.iter().any(|kind| place.kinds.contains(kind));
        let chosen = (0..operations).map(|_| {
            let some: Vec<_> = match random.percent(60) {
                true => self.operations.iter().filter(concerns).collect(),
                false => self.operations.iter().collect(),
            };
            *some[random.below(some.len())]
        });
        (chosen.collect(), place.deal.clone())
    }

    /// What was made for a deal is there for everybody, until it is used up.
    pub fn keep(&self, deal: &Deal) {
        let mut places = self.places.lock().unwrap();
        if let Some(place) = places.iter_mut().find(|place| place.deal.id == deal.id) {
            place.deal.things.extend(deal.things.clone());
        }
    }

    pub fn key(&self) -> String {
        format!("storm-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
