//! Keeps a call's devices: opens others when the user wants them, when one is lost, when the
//! default becomes another, and when a buffer has to be of another size.
//!
//! Opening takes its time, so it happens on a thread of its own. The voice thread goes on with
//! what it has, and takes over what is open and running between two frames.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cooee_core::call::CapturePermit;

use super::buffers::Buffers;
use super::news::{DeviceNews, DeviceReason};
use super::{DeviceSink, DeviceSource, Direction, LatencyProfile, default_id, is_present};
use crate::board::Board;
use crate::choice::{self, Input, Nowhere, OpenError, Output};
use crate::frame::{Frame, Health, SILENCE, Sink, Source};

/// Wishes that wait.
const WISHES: usize = 16;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often the system is asked which device is the default one, and whether a lost one is back.
const ASK: Duration = Duration::from_secs(1);

/// How long a device may take until it runs before it is taken over all the same.
const START: Duration = Duration::from_millis(1_500);

/// How long a loudspeaker that is not needed any more may play what it has.
const LAST_SOUND: Duration = Duration::from_millis(60);

/// What the keeper is asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    Input(Input),
    Output(Output),
    /// Something is lost: look now.
    Look,
}

/// What the voice thread takes over, and gives back.
pub(crate) enum Swap {
    Source(Box<dyn Source>),
    Sink(Box<dyn Sink>),
}

/// The voice thread's ends of the keeper's channels.
pub(crate) struct Exchange {
    pub(crate) swaps: Receiver<Swap>,
    pub(crate) retired: SyncSender<Swap>,
    pub(crate) wishes: SyncSender<Wish>,
}

/// What the user wants of one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Default,
    Device(String),
    /// A file or a program, which are never replaced by themselves.
    Fixed,
}

impl Wanted {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Device(name) => Some(name),
            Self::Default | Self::Fixed => None,
        }
    }
}

/// One direction.
struct Side {
    wanted: Wanted,
    /// What the system called its default when that was opened.
    default: Option<String>,
    /// Another device than the wanted one stands in, or none.
    stands_in: bool,
    buffers: Buffers,
    /// Stalls and loss are of the device that runs since then.
    since: Instant,
}

impl Side {
    fn new(direction: Direction, wanted: Wanted, millis: u32) -> Self {
        let now = Instant::now();
        Self {
            wanted,
            default: default_id(direction),
            stands_in: false,
            buffers: Buffers::new(now, millis),
            since: now,
        }
    }
}

/// An opened device or what stands for it, on its way to the voice thread.
struct Opened {
    swap: Swap,
    device: Option<String>,
    running: Box<dyn Fn() -> bool + Send>,
}

pub(crate) struct Keeper {
    permit: CapturePermit,
    latency: LatencyProfile,
    board: Arc<Board>,
    wishes: Receiver<Wish>,
    swaps: SyncSender<Swap>,
    retired: Receiver<Swap>,
    input: Side,
    output: Side,
    asked: Instant,
}

/// What a call begins with.
pub(crate) struct Beginning {
    pub(crate) source: Box<dyn Source>,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) exchange: Exchange,
    pub(crate) keeper: Keeper,
}

/// Opens what a call begins with. A microphone or a loudspeaker that does not open is told on the
/// board, and the call goes on with what there is.
///
/// # Errors
///
/// A file that does not open; a device, when nothing of the other direction opens either.
pub(crate) fn begin(
    permit: CapturePermit,
    input: Input,
    output: Output,
    latency: LatencyProfile,
    board: &Arc<Board>,
) -> Result<Beginning, OpenError> {
    let (wishes, wished) = sync_channel(WISHES);
    let (swaps, swapped) = sync_channel(WISHES);
    let (retired, retiring) = sync_channel(WISHES);
    let mut keeper = Keeper {
        permit,
        latency,
        board: Arc::clone(board),
        wishes: wished,
        swaps,
        retired: retiring,
        input: Side::new(
            Direction::Input,
            wanted_input(&input),
            latency.millis(Direction::Input),
        ),
        output: Side::new(
            Direction::Output,
            wanted_output(&output),
            latency.millis(Direction::Output),
        ),
        asked: Instant::now(),
    };
    let mut failed = None;
    // The loudspeaker first: if neither opens, no microphone ever did.
    let sink = match keeper.open_sink(output) {
        Ok(sink) => sink,
        Err(error) => keeper.begin_without(Direction::Output, error, &mut failed)?,
    };
    let source = match keeper.open_source(input) {
        Ok(source) => source,
        Err(error) => keeper.begin_without(Direction::Input, error, &mut failed)?,
    };
    for (direction, device) in [
        (Direction::Output, &sink.device),
        (Direction::Input, &source.device),
    ] {
        if device.is_some() && !keeper.side(direction).stands_in {
            keeper.tell(direction, device.clone(), DeviceReason::Opened, None);
        }
    }
    let (source, sink) = match (source.swap, sink.swap) {
        (Swap::Source(source), Swap::Sink(sink)) => (source, sink),
        // Each direction opens its own kind.
        (Swap::Sink(_), _) | (_, Swap::Source(_)) => {
            (Box::new(Silent) as _, Box::new(Nowhere) as _)
        }
    };
    let exchange = Exchange {
        swaps: swapped,
        retired,
        wishes,
    };
    Ok(Beginning {
        source,
        sink,
        exchange,
        keeper,
    })
}

fn wanted_input(input: &Input) -> Wanted {
    match input {
        Input::Default => Wanted::Default,
        Input::Device(name) => Wanted::Device(name.clone()),
        Input::Wav(_) | Input::Custom(_) => Wanted::Fixed,
    }
}

fn wanted_output(output: &Output) -> Wanted {
    match output {
        Output::Default => Wanted::Default,
        Output::Device(name) => Wanted::Device(name.clone()),
        Output::Wav(_) | Output::Custom(_) | Output::Null => Wanted::Fixed,
    }
}

impl Keeper {
    /// Runs until the voice stops.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name("cooee-devices".into())
            .spawn(move || self.run())
    }

    fn run(mut self) {
        while !self.board.stop.load(Ordering::Acquire) {
            match self.wishes.recv_timeout(LOOK) {
                Ok(Wish::Input(input)) => self.choose_input(input),
                Ok(Wish::Output(output)) => self.choose_output(output),
                Ok(Wish::Look) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.let_go();
            self.look();
        }
    }

    fn choose_input(&mut self, input: Input) {
        let wanted = wanted_input(&input);
        let millis = self.latency.millis(Direction::Input);
        let before =
            std::mem::replace(&mut self.input, Side::new(Direction::Input, wanted, millis));
        match self.open_source(input) {
            Ok(opened) => {
                self.take_over(Direction::Input, opened, Some(DeviceReason::Chosen), None)
            }
            Err(error) => {
                self.input = before;
                self.tell(
                    Direction::Input,
                    None,
                    DeviceReason::Refused,
                    Some(words(&error)),
                );
            }
        }
    }

    fn choose_output(&mut self, output: Output) {
        let wanted = wanted_output(&output);
        let millis = self.latency.millis(Direction::Output);
        let before = std::mem::replace(
            &mut self.output,
            Side::new(Direction::Output, wanted, millis),
        );
        match self.open_sink(output) {
            Ok(opened) => {
                self.take_over(Direction::Output, opened, Some(DeviceReason::Chosen), None)
            }
            Err(error) => {
                self.output = before;
                self.tell(
                    Direction::Output,
                    None,
                    DeviceReason::Refused,
                    Some(words(&error)),
                );
            }
        }
    }

    /// Drops what the voice thread has given back. A microphone closes at once; a loudspeaker may
    /// play what it still has.
    fn let_go(&mut self) {
        while let Ok(old) = self.retired.try_recv() {
            if let Swap::Sink(_) = old {
                thread::sleep(LAST_SOUND);
            }
            drop(old);
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let ask = now.saturating_duration_since(self.asked) >= ASK;
        if ask {
            self.asked = now;
        }
        for direction in [Direction::Input, Direction::Output] {
            let health = match direction {
                Direction::Input => self.board.input_health(),
                Direction::Output => self.board.output_health(),
            };
            self.look_at(direction, now, health, ask);
        }
    }

    fn look_at(&mut self, direction: Direction, now: Instant, health: Health, ask: bool) {
        let side = self.side(direction);
        if side.wanted == Wanted::Fixed {
            return;
        }
        // What the voice thread says may still be of the device before.
        let settled = now.saturating_duration_since(side.since) > 2 * LOOK;
        if health.lost && settled && !side.stands_in {
            self.replace_lost(direction);
        } else if side.stands_in && (ask || (health.lost && settled)) {
            self.look_for_lost(direction, health.lost);
        } else if ask && side.wanted == Wanted::Default && default_id(direction) != side.default {
            self.reopen(direction, Some(DeviceReason::DefaultChanged));
        } else if settled && side.buffers.observe(now, health.stalls) {
            tracing::debug!(%direction, millis = side.buffers.millis(), "another buffer size");
            self.reopen(direction, None);
        }
    }

    /// The device that was wanted is gone: it may open again at once, or another has to stand in.
    fn replace_lost(&mut self, direction: Direction) {
        let wanted = self.side(direction).wanted.name().map(str::to_owned);
        let mut error = None;
        for (name, stands_in) in [(wanted.as_deref(), false), (None, true)] {
            match self.open(direction, name) {
                Ok(opened) => {
                    // The default itself is what was wanted, unless a name was.
                    self.side(direction).stands_in = stands_in && wanted.is_some();
                    self.take_over(direction, opened, Some(DeviceReason::Lost), None);
                    return;
                }
                Err(failed) => error = Some(words(&failed)),
            }
        }
        self.side(direction).stands_in = true;
        self.take_over(
            direction,
            nothing(direction),
            Some(DeviceReason::Lost),
            error,
        );
    }

    /// Another device stands in, or none: the wanted one may be back.
    fn look_for_lost(&mut self, direction: Direction, lost: bool) {
        let wanted = self.side(direction).wanted.name().map(str::to_owned);
        let back = wanted
            .as_deref()
            .is_none_or(|name| is_present(name, direction));
        if back && let Ok(opened) = self.open(direction, wanted.as_deref()) {
            self.side(direction).stands_in = false;
            self.take_over(direction, opened, Some(DeviceReason::Returned), None);
        } else if lost && let Ok(opened) = self.open(direction, None) {
            self.take_over(direction, opened, Some(DeviceReason::Lost), None);
        }
    }

    /// Opens the same choice again. Where a device cannot be open twice, nothing changes.
    fn reopen(&mut self, direction: Direction, reason: Option<DeviceReason>) {
        let side = self.side(direction);
        side.default = default_id(direction);
        let name = side.wanted.name().map(str::to_owned);
        match self.open(direction, name.as_deref()) {
            Ok(opened) => self.take_over(direction, opened, reason, None),
            Err(error) => tracing::debug!(%direction, error = words(&error), "not opened again"),
        }
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Input => &mut self.input,
            Direction::Output => &mut self.output,
        }
    }

    fn open_source(&mut self, input: Input) -> Result<Opened, OpenError> {
        match input {
            Input::Default => self.open(Direction::Input, None),
            Input::Device(name) => self.open(Direction::Input, Some(&name)),
            other @ (Input::Wav(_) | Input::Custom(_)) => {
                let source = choice::open_source(&self.permit, other, self.latency)?;
                Ok(fixed(Swap::Source(source)))
            }
        }
    }

    fn open_sink(&mut self, output: Output) -> Result<Opened, OpenError> {
        match output {
            Output::Default => self.open(Direction::Output, None),
            Output::Device(name) => self.open(Direction::Output, Some(&name)),
            other @ (Output::Wav(_) | Output::Custom(_) | Output::Null) => {
                Ok(fixed(Swap::Sink(choice::open_sink(other, self.latency)?)))
            }
        }
    }

    fn open(&mut self, direction: Direction, name: Option<&str>) -> Result<Opened, OpenError> {
        let millis = self.side(direction).buffers.millis();
        Ok(match direction {
            Direction::Input => {
                let source = DeviceSource::open_with(&self.permit, name, millis)?;
                Opened {
                    device: Some(source.name().to_owned()),
                    running: source.running(),
                    swap: Swap::Source(Box::new(source)),
                }
            }
            Direction::Output => {
                let sink = DeviceSink::open_with(name, self.latency, millis)?;
                Opened {
                    device: Some(sink.name().to_owned()),
                    running: sink.running(),
                    swap: Swap::Sink(Box::new(sink)),
                }
            }
        })
    }

    /// Begins without a device of one direction, unless there is none of the other either.
    fn begin_without(
        &mut self,
        direction: Direction,
        error: OpenError,
        failed: &mut Option<Direction>,
    ) -> Result<Opened, OpenError> {
        let is_device = matches!(error, OpenError::Device(_));
        if !is_device || failed.replace(direction).is_some() {
            return Err(error);
        }
        let side = self.side(direction);
        side.stands_in = true;
        // Of the name that was asked for there may be none, and a default all the same.
        if side.wanted.name().is_some()
            && let Ok(opened) = self.open(direction, None)
        {
            *failed = None;
            let device = opened.device.clone();
            self.tell(direction, device, DeviceReason::Lost, Some(words(&error)));
            return Ok(opened);
        }
        self.tell(direction, None, DeviceReason::Missing, Some(words(&error)));
        Ok(nothing(direction))
    }

    /// Hands over to the voice thread what runs, and tells of it.
    fn take_over(
        &mut self,
        direction: Direction,
        opened: Opened,
        reason: Option<DeviceReason>,
        error: Option<String>,
    ) {
        let begin = Instant::now();
        while !(opened.running)()
            && begin.elapsed() < START
            && !self.board.stop.load(Ordering::Acquire)
        {
            thread::sleep(Duration::from_millis(2));
        }
        let Opened { swap, device, .. } = opened;
        if self.swaps.try_send(swap).is_err() {
            // The voice thread is ending, and with it the need for a device.
            return;
        }
        let now = Instant::now();
        let side = self.side(direction);
        side.since = now;
        side.buffers.opened(now);
        if let Some(reason) = reason {
            self.tell(direction, device, reason, error);
        }
    }

    fn tell(
        &self,
        direction: Direction,
        device: Option<String>,
        reason: DeviceReason,
        error: Option<String>,
    ) {
        self.board.tell_device(DeviceNews {
            direction,
            device,
            reason,
            error,
        });
    }
}

fn fixed(swap: Swap) -> Opened {
    Opened {
        swap,
        device: None,
        running: Box::new(|| true),
    }
}

/// What stands for a device that is not there.
fn nothing(direction: Direction) -> Opened {
    fixed(match direction {
        Direction::Input => Swap::Source(Box::new(Silent)),
        Direction::Output => Swap::Sink(Box::new(Nowhere)),
    })
}

/// Says nothing.
struct Silent;

impl Source for Silent {
    fn read(&mut self, frame: &mut Frame) {
        *frame = SILENCE;
    }
}

/// An error with what lies behind it.
fn words(error: &OpenError) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        words.push_str(": ");
        words.push_str(&error.to_string());
        source = error.source();
    }
    words
}
