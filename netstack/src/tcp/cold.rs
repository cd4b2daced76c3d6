//! State that most connections do not have most of the time: an idle one pays a pointer for it.

use alloc::boxed::Box;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// A `T` that takes up memory from its first change until it is [put to rest](Cold::rest).
pub(crate) struct Cold<T: Rest>(Option<Box<T>>);

/// A value that is the same for every connection at rest.
pub(crate) trait Rest: Sized + 'static {
    /// That value.
    const REST: Self;
    /// The same, where it can be looked at.
    const AT_REST: &'static Self;

    /// Whether nothing would be lost if this were that value.
    fn is_at_rest(&self) -> bool;
}

impl<T: Rest> Cold<T> {
    /// At rest.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Whether it takes up memory for nothing.
    #[inline]
    pub(crate) fn holds_spare(&self) -> bool {
        self.0.as_ref().is_some_and(|value| value.is_at_rest())
    }

    /// Whether it takes up no memory, and so is at rest for sure.
    #[inline]
    pub(crate) const fn is_resting(&self) -> bool {
        self.0.is_none()
    }

    /// The value, if it takes up memory.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Gives the memory back if it can.
    pub(crate) fn rest(&mut self) {
        if self.holds_spare() {
            self.0 = None;
        }
    }
}

/// As the value: whether it takes up memory is nobody's business.
impl<T: Rest + fmt::Debug> fmt::Debug for Cold<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Rest> Deref for Cold<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::AT_REST)
    }
}

impl<T: Rest> DerefMut for Cold<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::REST))
    }
}
