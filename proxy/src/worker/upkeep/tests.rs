//! When idle buffers give their memory back.

use netstack::{Instant, Span};
use weir_io::{BufferPool, Class, Entries, PoolConfig};

use super::{PERIOD, STEP, Upkeep};

const BUFFERS: u32 = 1000;

fn pool() -> BufferPool {
    let entries = Entries { small: BUFFERS, medium: BUFFERS, large: BUFFERS };
    BufferPool::new(&PoolConfig { entries, ..PoolConfig::default() }).expect("a pool")
}

fn use_all(pool: &BufferPool) {
    let buffers: Vec<_> = std::iter::from_fn(|| pool.take(Class::Small)).collect();
    assert_eq!(buffers.len(), BUFFERS as usize);
}

#[test]
fn nothing_is_armed_while_nothing_can_be_given_back() {
    let (mut upkeep, pool) = (Upkeep::default(), pool());
    upkeep.look(Instant::ORIGIN, &pool);
    assert_eq!(upkeep.next_expiry(), None);
    drop(pool.take(Class::Small));
    upkeep.look(Instant::ORIGIN, &pool);
    assert_eq!(upkeep.next_expiry(), None, "a few always keep their memory");
}

#[test]
fn idle_buffers_give_their_memory_back_step_by_step_and_then_it_is_quiet() {
    let (mut upkeep, pool) = (Upkeep::default(), pool());
    use_all(&pool);
    let mut now = Instant::ORIGIN;
    upkeep.look(now, &pool);
    assert_eq!(upkeep.next_expiry(), Some(now + PERIOD));
    let all = pool.memory(Class::Small).touched_bytes;
    upkeep.look(now + Span::from_secs(2), &pool);
    assert_eq!(pool.memory(Class::Small).touched_bytes, all, "the period is not over");

    now += PERIOD;
    let mut steps = 0;
    loop {
        upkeep.look(now, &pool);
        steps += 1;
        let Some(next) = upkeep.next_expiry() else { break };
        assert_eq!(next, now + STEP);
        now = next;
    }
    assert_eq!(steps, 4);
    assert!(pool.memory(Class::Small).touched_bytes < all / 10);
    upkeep.look(now, &pool);
    assert_eq!(upkeep.next_expiry(), None);
}

#[test]
fn what_is_used_in_a_period_is_given_back_after_the_next() {
    let (mut upkeep, pool) = (Upkeep::default(), pool());
    use_all(&pool);
    let mut now = Instant::ORIGIN;
    upkeep.look(now, &pool);
    use_all(&pool);
    now += PERIOD;
    upkeep.look(now, &pool);
    assert_eq!(upkeep.next_expiry(), Some(now + PERIOD), "without anybody's doing");
    let before = pool.memory(Class::Small).touched_bytes;
    upkeep.look(now + PERIOD, &pool);
    assert!(pool.memory(Class::Small).touched_bytes < before);
}
