//! Every change, one after the other: decided in memory, made durable together, then answered.
//!
//! ```text
//!   request ---- lock: decide on the working copy, queue ---------------.
//!   request ---- lock: decide on the working copy, queue ------------.  |
//!                                                                    v  v
//!                            the writer's thread: all that wait, in one transaction
//!                                                                     |
//!   events, answers <-- tell the fleet <-- publish the new snapshot <--+-- durable
//!          StoreUnavailable <-- forget the working copy <-------------+-- not durable
//! ```

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use api::backend::{Caller, Idempotency, Outcome};
use api::problem::{Code, Problem};
use arc_swap::ArcSwap;
use model::{Event, EventKind, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::answers::{KeptAnswers, Known};
use crate::change::{Change, KeptAnswer, Step};
use crate::fleet::changes::Published;
use crate::intent::Intent;
use crate::journal::{Journal, Note, notes_of, numbered};
use crate::object::Write;
use crate::service::{Settings, consequences, held, precondition, quota};
use crate::store::{KeptKey, Store, StoreError};

/// The most changes that wait to become durable; more are refused as busy.
const QUEUE_MAX: usize = 4_096;

/// The most changes in one transaction: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 512;

/// What a decision wants: these writes, and then this answer. No writes are no change.
pub(crate) struct Draft<T> {
    pub(crate) writes: Vec<Write>,
    pub(crate) answer: T,
}

/// Hears of published changes, each with the intent around it, and of the newest intent.
pub(crate) type Listener = Box<dyn Fn(&[Published<'_>], &Arc<Intent>) + Send>;

/// The one way to change the intent.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Job>,
    /// Behind the queue: it ends when that is gone.
    _thread: Joined,
}

/// The writer's thread; when this is dropped, all that waited is written.
struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            error!("the writer's thread panicked");
        }
    }
}

struct Shared {
    /// What the intent will be when everything queued is durable.
    working: Mutex<Working>,
    /// What is durable: what readers see.
    published: ArcSwap<Intent>,
    /// Whether the last transaction failed.
    failing: AtomicBool,
}

#[derive(Clone)]
struct Working {
    intent: Intent,
    answers: KeptAnswers,
}

enum Job {
    Commit(Box<Pending>),
    /// There is something to tell; changes that wait take it along.
    Tell,
    /// Give what was answered to the change of this revision.
    Recall(u64, oneshot::Sender<Option<String>>),
}

/// A change that waits to become durable.
struct Pending {
    change: Change,
    /// The working copy with this change carried out.
    after: Working,
    done: oneshot::Sender<Result<(), Problem>>,
}

/// Nothing to do, a change to wait for with its number, or an answer that was given to one before.
enum Decided<T> {
    Nothing(T),
    Queued(T, u64, oneshot::Receiver<Result<(), Problem>>),
    Known(u64, oneshot::Receiver<Option<String>>),
}

impl Writer {
    /// Loads the store, records the start as a revision, and starts the writer's thread, which
    /// ends when the writer is dropped.
    pub(crate) fn start(
        mut store: Store,
        settings: Settings,
        journal: Arc<Journal>,
        listener: Listener,
    ) -> Result<Self, StoreError> {
        let mut working = Working {
            intent: store.load()?,
            answers: KeptAnswers::of(&store.kept_keys()?),
        };
        working.intent.sampling = settings.sampling;
        working.intent.default_quota = settings.quota;
        let start = record_of_start(&mut working.intent);
        let started = numbered(store.last_event()?, vec![told_of_start(&start)]);
        store.commit_told(&[&start], &started)?;
        let last_event = store.last_event()?;
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let told = store.told_events()?;
        journal.begin(last_event, told, waker(&queue));
        let shared = Arc::new(Shared {
            published: ArcSwap::from_pointee(working.intent.clone()),
            working: Mutex::new(working.clone()),
            failing: AtomicBool::new(false),
        });
        let thread = WriterThread {
            shared: shared.clone(),
            store,
            durable: working,
            listener,
            journal,
            last_event,
        };
        let thread = std::thread::spawn(move || thread.run(jobs));
        Ok(Self {
            shared,
            queue,
            _thread: Joined(Some(thread)),
        })
    }

    /// The newest durable intent.
    pub(crate) fn intent(&self) -> Arc<Intent> {
        self.shared.published.load_full()
    }

    /// Whether the last change could not be made durable.
    pub(crate) fn is_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Relaxed)
    }

    /// Waits until everything told so far is written.
    #[cfg(test)]
    pub(crate) fn settle(&self) {
        let (done, recalled) = oneshot::channel();
        let sent = self.queue.try_send(Job::Recall(0, done));
        sent.map_err(|_| ()).unwrap();
        futures::executor::block_on(recalled).unwrap();
    }

    /// Decides on a change and makes it durable. With a known idempotency key, gives what was
    /// answered before instead.
    pub(crate) async fn change<T: Serialize + DeserializeOwned>(
        &self,
        caller: Caller,
        verb: &'static str,
        decide: impl FnOnce(&Intent) -> Outcome<Draft<T>>,
    ) -> Outcome<T> {
        let revised = caller.revised.clone();
        match self.decide(caller, verb, decide)? {
            Decided::Nothing(answer) => Ok(answer),
            Decided::Queued(answer, revision, done) => {
                done.await.map_err(|_| unavailable())??;
                revised.set(revision);
                Ok(answer)
            }
            Decided::Known(revision, recalled) => {
                // Nothing is there when the first request's transaction failed meanwhile.
                let json = recalled.await.ok().flatten().ok_or_else(unavailable)?;
                revised.set(revision);
                serde_json::from_str(&json).map_err(|_| internal("a kept answer is unreadable"))
            }
        }
    }

    fn decide<T: Serialize>(
        &self,
        caller: Caller,
        verb: &'static str,
        decide: impl FnOnce(&Intent) -> Outcome<Draft<T>>,
    ) -> Outcome<Decided<T>> {
        let mut working = lock(&self.shared.working);
        let place = self.queue.try_reserve().map_err(|error| match error {
            TrySendError::Full(()) => Problem::new(Code::Busy, "too many changes wait; try again"),
            TrySendError::Closed(()) => unavailable(),
        })?;
        if let Some(revision) = known_revision(&working.answers, &caller)? {
            let (done, recalled) = oneshot::channel();
            place.send(Job::Recall(revision, done));
            return Ok(Decided::Known(revision, recalled));
        }
        held::check_standing(&working.intent, &caller)?;
        precondition::check(&working.intent, &caller)?;
        let draft = decide(&working.intent)?;
        let answer = draft.answer;
        if draft.writes.is_empty() {
            return Ok(Decided::Nothing(answer));
        }
        held::check(&working.intent, &caller, &draft.writes)?;
        let writes = consequences::with(&working.intent, draft.writes);
        quota::check(&working.intent, &writes)?;
        let mut change = Change {
            revision: working.intent.revision + 1,
            at: Timestamp::now(),
            idempotency: kept_answer(caller.idempotency, &answer)?,
            actor: caller.actor,
            held_to: caller.held_to,
            source: caller.source,
            request_id: caller.request_id,
            verb,
            steps: steps(&working.intent, writes),
            forget_answers_through: None,
        };
        working.carry_out(&mut change);
        let revision = change.revision;
        let (done, durable) = oneshot::channel();
        place.send(Job::Commit(Box::new(Pending {
            change,
            after: working.clone(),
            done,
        })));
        Ok(Decided::Queued(answer, revision, durable))
    }
}

impl Working {
    fn carry_out(&mut self, change: &mut Change) {
        let writes = change.steps.iter().map(|step| &step.write);
        self.intent.apply(change.revision, writes);
        change.forget_answers_through = self.answers.expire(change.at);
        if let Some(kept) = &change.idempotency {
            self.answers.add(&KeptKey {
                revision: change.revision,
                at: change.at,
                actor: change.actor.clone(),
                key: kept.key.clone(),
                fingerprint: kept.fingerprint,
            });
        }
    }
}

/// The revision that carried out this very request before, if one did.
fn known_revision(answers: &KeptAnswers, caller: &Caller) -> Outcome<Option<u64>> {
    let Some(idempotency) = &caller.idempotency else {
        return Ok(None);
    };
    match answers.find(&caller.actor, &idempotency.key, &idempotency.fingerprint) {
        Known::New => Ok(None),
        Known::Done { revision } => Ok(Some(revision)),
        Known::Conflict => Err(Problem::new(
            Code::IdempotencyConflict,
            "this Idempotency-Key was used with another request; use a new key",
        )),
    }
}

/// What to keep, so that the same request is answered the same again.
fn kept_answer(
    idempotency: Option<Idempotency>,
    answer: &impl Serialize,
) -> Outcome<Option<KeptAnswer>> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let json = serde_json::to_string(answer).map_err(|_| internal("no JSON form"))?;
    Ok(Some(KeptAnswer {
        key: idempotency.key,
        fingerprint: idempotency.fingerprint,
        answer: json,
    }))
}

fn steps(before: &Intent, writes: Vec<Write>) -> Vec<Step> {
    let step = |write: Write| Step {
        before: before.get(write.key()),
        write,
    };
    writes.into_iter().map(step).collect()
}

/// A start is a revision too: plans made after it are newer than any made before.
fn record_of_start(intent: &mut Intent) -> Change {
    intent.revision += 1;
    Change {
        revision: intent.revision,
        at: Timestamp::now(),
        actor: "controller".into(),
        held_to: None,
        source: None,
        request_id: String::new(),
        verb: "start",
        steps: Vec::new(),
        idempotency: None,
        forget_answers_through: None,
    }
}

fn told_of_start(start: &Change) -> Note {
    Note {
        at: start.at,
        revision: Some(start.revision),
        ..Note::new(EventKind::ControllerStarted, "the controller started")
    }
}

/// Wakes the writer's thread, for as long as there is a writer. When the queue is full, it is
/// awake.
fn waker(queue: &mpsc::Sender<Job>) -> Box<dyn Fn() + Send + Sync> {
    let queue = queue.downgrade();
    Box::new(move || {
        if let Some(queue) = queue.upgrade() {
            _ = queue.try_send(Job::Tell);
        }
    })
}

fn unavailable() -> Problem {
    Problem::new(
        Code::StoreUnavailable,
        "the change could not be made durable, nothing was changed; see the controller's log",
    )
}

fn internal(detail: &str) -> Problem {
    Problem::new(Code::Internal, detail)
}

/// A panic while deciding leaves the working copy as it was: it is only changed afterwards.
fn lock(working: &Mutex<Working>) -> MutexGuard<'_, Working> {
    working.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the writer's thread owns.
struct WriterThread {
    shared: Arc<Shared>,
    store: Store,
    durable: Working,
    listener: Listener,
    journal: Arc<Journal>,
    /// The highest number that an event was given.
    last_event: u64,
}

impl WriterThread {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = Batch::default();
            batch.add(first);
            while batch.len() < BATCH_MAX
                && let Ok(job) = jobs.try_recv()
            {
                batch.add(job);
            }
            self.commit(&mut jobs, &mut batch);
            for (revision, done) in batch.recalls {
                let answer = self.store.kept_answer(revision);
                let answer = answer.inspect_err(|error| error!(?error, "could not recall"));
                _ = done.send(answer.ok().flatten());
            }
        }
    }

    fn commit(&mut self, jobs: &mut mpsc::Receiver<Job>, batch: &mut Batch) {
        let Some(after) = batch.pending.last().map(|last| last.after.clone()) else {
            return self.tell();
        };
        let changes: Vec<&Change> = batch.pending.iter().map(|it| &it.change).collect();
        let notes = self.journal.take();
        let of_changes = changes.iter().flat_map(|change| notes_of(change));
        let events = self.numbered(notes.iter().cloned().chain(of_changes).collect());
        let outcome = self.store.commit_told(&changes, &events);
        if outcome.is_ok() || self.is_durable_after_all(after.intent.revision) {
            self.publish(after, &batch.pending);
            self.journal.publish(events);
            batch.answer(&Ok(()));
            return;
        }
        if let Err(error) = outcome {
            error!(
                error = &error as &dyn std::error::Error,
                "changes could not be made durable"
            );
        }
        self.journal.put_back(notes);
        self.roll_back(jobs, batch);
        batch.answer(&Err(unavailable()));
    }

    /// Writes what there is to tell when no change takes it along.
    fn tell(&mut self) {
        let notes = self.journal.take();
        if notes.is_empty() {
            return;
        }
        let events = self.numbered(notes.clone());
        match self.store.commit_told(&[], &events) {
            Ok(()) => self.journal.publish(events),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(
                    error,
                    "events could not be made durable; trying again with the next"
                );
                self.journal.put_back(notes);
            }
        }
    }

    /// Numbers are given once, even to what then fails.
    fn numbered(&mut self, notes: Vec<Note>) -> Vec<Arc<Event>> {
        let events = numbered(self.last_event, notes);
        self.last_event = events.last().map_or(self.last_event, |last| last.id);
        events
    }

    /// A failed commit may still have reached the disk: the disk knows.
    fn is_durable_after_all(&self, revision: u64) -> bool {
        self.store
            .last_revision()
            .is_ok_and(|last| last == revision)
    }

    fn publish(&mut self, after: Working, pending: &[Pending]) {
        let before = std::mem::replace(&mut self.durable, after);
        let newest = Arc::new(self.durable.intent.clone());
        self.shared.published.store(newest.clone());
        let afters = pending.iter().map(|it| &it.after.intent);
        let befores = std::iter::once(&before.intent).chain(afters.clone());
        let around = befores.zip(afters).zip(pending);
        let published = around.map(|((before, after), it)| Published {
            change: &it.change,
            before,
            after,
        });
        let published: Vec<_> = published.collect();
        (self.listener)(&published, &newest);
        if self.shared.failing.swap(false, Ordering::Relaxed) {
            info!("changes can be made durable again");
        }
    }

    /// Whatever was decided after the failed changes rests on them, so it fails with them.
    fn roll_back(&mut self, jobs: &mut mpsc::Receiver<Job>, batch: &mut Batch) {
        self.shared.failing.store(true, Ordering::Relaxed);
        let mut working = lock(&self.shared.working);
        while let Ok(job) = jobs.try_recv() {
            batch.add(job);
        }
        *working = self.durable.clone();
    }
}

/// What is done in one go.
#[derive(Default)]
struct Batch {
    pending: Vec<Pending>,
    recalls: Vec<(u64, oneshot::Sender<Option<String>>)>,
}

impl Batch {
    fn len(&self) -> usize {
        self.pending.len() + self.recalls.len()
    }

    fn add(&mut self, job: Job) {
        match job {
            Job::Commit(pending) => self.pending.push(*pending),
            Job::Recall(revision, done) => self.recalls.push((revision, done)),
            Job::Tell => {}
        }
    }

    /// In the order in which the changes were decided. Who no longer waits needs no answer.
    fn answer(&mut self, outcome: &Result<(), Problem>) {
        for pending in self.pending.drain(..) {
            _ = pending.done.send(outcome.clone());
        }
    }
}
