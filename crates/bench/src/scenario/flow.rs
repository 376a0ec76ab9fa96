//! Events on their way through the target for the time that is measured.

use std::thread;
use std::time::{Duration, Instant};

use super::Run;
use crate::BenchError;
use crate::clock;
use crate::crew::{Crew, GRACE};
use crate::publisher::{Published, Publisher, Until};
use crate::server::Processes;

/// What a flow cost.
pub(super) struct Flow {
    pub(super) published: Published,
    /// Processor time of the target, from the first event measured until the last one was delivered.
    pub(super) cpu: Option<Duration>,
    /// The same of this program and its readers.
    pub(super) own_cpu: Option<Duration>,
    /// How long that was.
    pub(super) took: Duration,
}

impl Run<'_> {
    /// Lets events flow to `crew`: first to warm up, then measured, then until everybody has everything. `others` is told
    /// where figures begin.
    pub(super) fn flow(
        &self,
        crew: &mut Crew,
        mut others: Option<&mut Crew>,
        publisher: &mut Publisher,
    ) -> Result<Flow, BenchError> {
        let shape = &self.options.shape;
        let (start, now) = (clock::now(), Instant::now());
        let measured = start + clock::nanos(shape.warm_up);
        let until = Until::Time { measured, end: measured + clock::nanos(shape.measured) };
        let pace = self.options.scenario.pace();
        let own = Processes(std::process::id());
        let flow = thread::scope(|scope| {
            let publishing = scope.spawn(|| publisher.run(pace, until));
            let wait = |crew: &mut Crew, until: Instant, from: Instant| {
                while Instant::now() < until && !publishing.is_finished() {
                    crew.wait(until.min(Instant::now() + TICK), |_| {})?;
                    self.bar.set(from.elapsed().as_secs());
                }
                Ok::<(), BenchError>(())
            };
            self.bar.begin("warming up", shape.warm_up.as_secs());
            wait(crew, now + shape.warm_up, now)?;
            crew.reset()?;
            others.as_mut().map(|others| others.reset()).transpose()?;
            let (from, cpu, own_cpu) = (Instant::now(), self.cpu()?, own.cpu().ok());
            self.bar.begin("measuring, in seconds", shape.measured.as_secs());
            wait(crew, from + shape.measured, from)?;
            let published = publishing.join().map_err(|_| BenchError::Worker("publishing ended".to_owned()))??;
            Ok::<_, BenchError>((from, cpu, own_cpu, published))
        });
        let (from, cpu, own_cpu, published) = flow?;
        self.bar.begin("catching up", 0);
        crew.catch_up(publisher.counts(), GRACE, self.bar)?;
        let used = |after: Option<Duration>, before: Option<Duration>| Some(after?.saturating_sub(before?));
        Ok(Flow {
            published,
            cpu: used(self.cpu()?, cpu),
            own_cpu: used(own.cpu().ok(), own_cpu),
            took: from.elapsed(),
        })
    }
}

const TICK: Duration = Duration::from_millis(100);
