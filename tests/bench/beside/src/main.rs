// SPDX-License-Identifier: MIT
//! One measurement of a Tokio program, in a process of its own: `tokio-bench MEASURE N [--subscriber]`.
//! twin.c does the same work in C with weir's hooks. Prints the processor time in nanoseconds that each
//! thing done took its thread:
//!   {"thread_ns":...}
//! or, for `tasks-alive` and `semaphores-alive`, "ready" once N of them stand and the process is at rest;
//! it ends with its input.
use std::future::Future;
use std::hint::black_box;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::{unconstrained, yield_now};

const WAKES_MANY: u32 = 11; // of a poll, to tell what a further one costs
const CHUNK: u64 = 64; // tasks that are spawned before they get their turn
const TURN: Duration = Duration::from_millis(5); // in which a subscriber takes in 128 events
const ALIVE_CHUNK: u64 = 2000; // of what is to be alive, between two rests: no event is to be lost
const REST: Duration = Duration::from_millis(300); // without work: at rest
const PATIENCE: Duration = Duration::from_secs(60);

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const PROCESS_CPUTIME: i32 = 2;
const THREAD_CPUTIME: i32 = 3;

fn clock(which: i32) -> u64 {
    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the struct is the kernel's on 64-bit Linux, and lives.
    let result = unsafe { clock_gettime(which, &mut time) };
    assert_eq!(result, 0);
    time.seconds as u64 * 1_000_000_000 + time.nanos as u64
}

struct Begin(u64);

impl Begin {
    fn now() -> Begin {
        Begin(clock(THREAD_CPUTIME))
    }

    fn print(self, n: u64) {
        let thread = clock(THREAD_CPUTIME) - self.0;
        println!("{{\"thread_ns\":{:.2}}}", thread as f64 / n as f64);
    }
}

/// Until the process has worked little for a while: a subscriber goes over all that it knows in each turn.
fn wait_for_rest() {
    let mut used = clock(PROCESS_CPUTIME);
    let begin = Instant::now();
    let mut since = begin;
    while since.elapsed() < REST {
        assert!(begin.elapsed() < PATIENCE, "never at rest");
        std::thread::park_timeout(REST / 10);
        let now = clock(PROCESS_CPUTIME);
        if now - used > REST.as_nanos() as u64 / 10 / 2 {
            since = Instant::now();
        }
        used = now;
    }
}

/// Polled `left` times; wakes itself `wakes` times within each poll.
struct Waking {
    left: u64,
    wakes: u32,
}

impl Future for Waking {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        for _ in 0..self.wakes {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

async fn polls(n: u64, wakes: u32) -> Begin {
    let task = tokio::spawn(Waking { left: n, wakes });
    let begin = Begin::now();
    task.await.expect("a task");
    begin
}

async fn semaphore(n: u64) -> Begin {
    let task = tokio::spawn(unconstrained(async move {
        let semaphore = Semaphore::new(8);
        drop(semaphore.acquire().await);
        let begin = Begin::now();
        for _ in 0..n {
            drop(black_box(&semaphore).acquire().await);
        }
        begin
    }));
    task.await.expect("a task")
}

async fn spawns(n: u64) -> Begin {
    let ended = Arc::new(AtomicU64::new(0));
    let begin = Begin::now();
    for i in 1..=n {
        let count = ended.clone();
        drop(tokio::spawn(async move { _ = count.fetch_add(1, Ordering::Relaxed) }));
        while (i % CHUNK == 0 || i == n) && ended.load(Ordering::Relaxed) < i {
            yield_now().await;
        }
    }
    begin
}

async fn resources(n: u64) -> Begin {
    drop(Semaphore::new(1));
    let begin = Begin::now();
    for _ in 0..n {
        drop(black_box(Semaphore::new(1)));
    }
    begin
}

fn alive<T>(n: u64, make: impl Fn() -> T) -> Vec<T> {
    let mut all = Vec::with_capacity(n as usize);
    while (all.len() as u64) < n {
        all.push(make());
        if all.len() as u64 % ALIVE_CHUNK == 0 {
            std::thread::park_timeout(40 * TURN); // in which 5,120 events are taken in
        }
    }
    all
}

fn wait_for_end() {
    wait_for_rest();
    println!("ready");
    std::io::stdout().flush().expect("standard output");
    let _ = std::io::stdin().read(&mut [0]);
}

/// As by default; for what is alive with shorter turns, since each takes in 128 events at most.
#[cfg(feature = "subscriber")]
fn subscribe(is_hasty: bool) {
    let builder = console_subscriber::ConsoleLayer::builder().server_addr(([127, 0, 0, 1], 0));
    if is_hasty { builder.publish_interval(TURN) } else { builder }.init();
}

#[cfg(not(feature = "subscriber"))]
fn subscribe(_: bool) {
    panic!("built without a subscriber");
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let n: u64 = words[2].parse().expect("a number");
    if words.get(3).is_some_and(|word| word == "--subscriber") {
        subscribe(words[1].ends_with("-alive"));
        wait_for_rest();
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let run = |future: Pin<Box<dyn Future<Output = Begin>>>| runtime.block_on(future).print(n);
    match words[1].as_str() {
        "poll" => run(Box::pin(polls(n, 1))),
        "poll-many-wakes" => run(Box::pin(polls(n, WAKES_MANY))),
        "semaphore" => run(Box::pin(semaphore(n))),
        "spawn" => run(Box::pin(spawns(n))),
        "resource" => run(Box::pin(resources(n))),
        "tasks-alive" => {
            let _inside = runtime.enter();
            let tasks: Vec<_> =
                (0..n).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
            runtime.block_on(yield_now());
            wait_for_end();
            drop(tasks);
        }
        "semaphores-alive" => {
            let semaphores = alive(n, || Semaphore::new(1));
            wait_for_end();
            drop(semaphores);
        }
        _ => panic!("no such measurement: {}", words[1]),
    }
}
