//! Sound devices apart from any call: which there are, and the test of them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cooee_sdk::{DeviceError, Direction, Recording};
use tauri::async_runtime::{self, JoinHandle};

use crate::convert;
use crate::error::{Answer, AppError, ErrorCode};
use crate::model::event::AppEvent;
use crate::model::settings::{Devices, SoundTest, SoundTestStage};
use crate::shell::Shell;

/// How often the devices are looked at while somebody chooses one.
const LOOK: Duration = Duration::from_secs(2);

/// How long the test records.
const RECORDED: Duration = Duration::from_secs(2);

/// Between two levels that the SDK tells.
const LEVEL: Duration = Duration::from_millis(100);

/// A recording that is nowhere louder than this is of a microphone that is muted.
const SILENT: f32 = 0.003;

/// What goes on.
#[derive(Default)]
pub(crate) struct Bench {
    watching: Mutex<Option<JoinHandle<()>>>,
    /// The test that goes on; true ends it.
    test: Mutex<Option<Arc<AtomicBool>>>,
}

impl Bench {
    /// Tells of devices that come and go from now on, or no longer.
    pub(crate) fn watch(&self, shell: &Arc<Shell>, watch: bool) {
        let mut watching = lock(&self.watching);
        if watching.is_some() == watch {
            return;
        }
        match watching.take() {
            Some(task) => task.abort(),
            None => *watching = Some(async_runtime::spawn(follow(Arc::clone(shell)))),
        }
    }

    /// Records from the chosen microphone and plays it on the chosen loudspeaker; answers when it
    /// is over. One at a time.
    pub(crate) async fn test(&self, shell: &Arc<Shell>) -> Answer<()> {
        let ended = self.begin_test()?;
        let told = Arc::clone(shell);
        let tested = async_runtime::spawn_blocking(move || record_and_play(&told, &ended)).await;
        *lock(&self.test) = None;
        let tested = tested.unwrap_or_else(|error| Err(AppError::new(ErrorCode::Internal, error)));
        // Whatever came of it: the page waits for this.
        shell.tell(AppEvent::SoundTest {
            test: SoundTest {
                stage: SoundTestStage::Done,
                level: 0.0,
                progress: 1.0,
                silent: matches!(&tested, Ok(peak) if peak.is_some_and(|peak| peak < SILENT)),
            },
        });
        tested.map(|_| ())
    }

    fn begin_test(&self) -> Answer<Arc<AtomicBool>> {
        let mut test = lock(&self.test);
        if test.is_some() {
            return Err(ErrorCode::Busy.into());
        }
        Ok(Arc::clone(test.insert(Arc::default())))
    }

    /// Ends the test, if one goes on: the user wants to, or a call needs the devices.
    pub(crate) fn end_test(&self) {
        if let Some(ended) = lock(&self.test).as_ref() {
            ended.store(true, Ordering::Relaxed);
        }
    }
}

/// The devices that there are now.
pub(crate) async fn list() -> Answer<Devices> {
    // The system's sound service may take its time.
    let found = async_runtime::spawn_blocking(cooee_sdk::devices).await;
    let found = found.map_err(|error| AppError::new(ErrorCode::Internal, error))?;
    let found = found.map_err(|error| AppError::new(ErrorCode::Sound, error))?;
    Ok(convert::devices(&found))
}

async fn follow(shell: Arc<Shell>) {
    let mut known = None;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        // What cannot be asked now is asked the next time.
        if let Ok(devices) = list().await
            && known.as_ref() != Some(&devices)
        {
            known = Some(devices.clone());
            shell.tell(AppEvent::Devices { devices });
        }
    }
}

/// The loudest of what was recorded; `None` when the test was ended before.
fn record_and_play(shell: &Shell, ended: &AtomicBool) -> Answer<Option<f32>> {
    let sound = shell.chosen.settings().sound;
    let level = |stage| {
        let mut meter = Meter::new(stage);
        move |peak: f32| {
            if ended.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            let test = meter.next(peak);
            shell.tell(AppEvent::SoundTest { test });
            ControlFlow::Continue(())
        }
    };
    let recording = Recording::record(
        sound.microphone.as_deref(),
        RECORDED,
        level(SoundTestStage::Recording),
    )
    .map_err(|error| failed(error, Direction::Input))?;
    if ended.load(Ordering::Relaxed) {
        return Ok(None);
    }
    recording
        .play(sound.loudspeaker.as_deref(), level(SoundTestStage::Playing))
        .map_err(|error| failed(error, Direction::Output))?;
    Ok(Some(recording.peak()).filter(|_| !ended.load(Ordering::Relaxed)))
}

/// Counts the levels of one stage.
struct Meter {
    stage: SoundTestStage,
    levels: u16,
}

impl Meter {
    fn new(stage: SoundTestStage) -> Self {
        Self { stage, levels: 0 }
    }

    fn next(&mut self, peak: f32) -> SoundTest {
        self.levels = self.levels.saturating_add(1);
        let passed = LEVEL.as_secs_f32() * f32::from(self.levels);
        SoundTest {
            stage: self.stage,
            level: peak.clamp(0.0, 1.0),
            progress: (passed / RECORDED.as_secs_f32()).min(1.0),
            silent: false,
        }
    }
}

fn failed(error: DeviceError, direction: Direction) -> AppError {
    let code = match (&error, direction) {
        (DeviceError::Service(_), _) => ErrorCode::Sound,
        (_, Direction::Input) => ErrorCode::Microphone,
        (_, _) => ErrorCode::Loudspeaker,
    };
    AppError::new(code, error)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use cooee_sdk::{DeviceError, Direction};

    use super::{Bench, Meter, failed};
    use crate::error::ErrorCode;
    use crate::model::settings::SoundTestStage;

    #[test]
    fn one_test_at_a_time_and_a_call_ends_it() {
        let bench = Bench::default();
        bench.end_test();
        let ended = bench.begin_test().unwrap();
        assert_eq!(bench.begin_test().unwrap_err().code, ErrorCode::Busy);
        assert!(!ended.load(Ordering::Relaxed));
        bench.end_test();
        assert!(ended.load(Ordering::Relaxed));
    }

    #[test]
    fn a_stage_goes_from_nothing_to_its_end() {
        let mut meter = Meter::new(SoundTestStage::Recording);
        let tests: Vec<_> = (0..21).map(|_| meter.next(1.5)).collect();
        let progress = |at: usize| (tests[at].progress * 100.0).round();
        assert_eq!(
            (progress(0), progress(9), progress(19), progress(20)),
            (5.0, 50.0, 100.0, 100.0)
        );
        assert!(tests.iter().all(|test| test.level == 1.0 && !test.silent));
    }

    #[test]
    fn a_device_that_fails_is_named_by_its_direction() {
        let dead = || DeviceError::Dead {
            name: "x".to_owned(),
        };
        assert_eq!(failed(dead(), Direction::Input).code, ErrorCode::Microphone);
        assert_eq!(
            failed(dead(), Direction::Output).code,
            ErrorCode::Loudspeaker
        );
    }
}
