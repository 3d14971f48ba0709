//! The C library's heap: small in a program that stays, quick in a command.

#[cfg(target_env = "gnu")]
mod glibc {
    use std::thread;
    use std::time::Duration;

    /// Resident bytes that nobody uses and that are worth giving back.
    const WORTH: usize = 8 << 20;
    /// How often somebody looks.
    const PAUSE: Duration = Duration::from_secs(20);

    /// One heap for all threads: the work of a program that stays is waiting, so that they hardly contend, and glibc's heap
    /// for each thread that ever allocated held a quarter of its memory. What a large plan leaves free in it goes back to
    /// the system, which glibc does by itself at the heap's end only: ten thousand objects in ten mappings held twice of
    /// what they need.
    pub fn of_a_program_that_stays() {
        set(libc::M_ARENA_MAX, 1);
        // Without it the program works as well, and is larger.
        let _ = thread::Builder::new().name("heap".to_owned()).spawn(|| {
            // What small pieces hold in pages of their own cannot be given back, however often it is tried.
            let mut held = 0;
            loop {
                thread::sleep(PAUSE);
                if unused().is_some_and(|unused| unused > held + WORTH) {
                    give_back();
                    held = unused().unwrap_or_default();
                }
            }
        });
    }

    /// A command is over before it would pay to give memory back to the system, or to take it in small pieces.
    pub fn of_a_command() {
        set(libc::M_TRIM_THRESHOLD, 64 << 20);
        set(libc::M_TOP_PAD, 4 << 20);
        set(libc::M_MMAP_THRESHOLD, 32 << 20);
    }

    #[expect(unsafe_code, reason = "the C library has these settings behind a function only")]
    fn set(what: libc::c_int, to: libc::c_int) {
        // SAFETY: called before any thread is started; the call changes a number.
        let _ = unsafe { libc::mallopt(what, to) };
    }

    /// Bytes that are resident, come from no file, and are not in use (`proc_pid_statm(5)`).
    fn unused() -> Option<usize> {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let mut pages = statm.split(' ').skip(1).map_while(|field| field.parse::<usize>().ok());
        let own = pages.next()?.checked_sub(pages.next()?)?;
        (own * rustix::param::page_size()).checked_sub(in_use())
    }

    #[expect(unsafe_code, reason = "the C library counts its heap by a function only")]
    fn in_use() -> usize {
        // SAFETY: it takes the heap's own lock (mallinfo2 of glibc is MT-safe) and only counts.
        let heap = unsafe { libc::mallinfo2() };
        heap.uordblks + heap.hblkhd
    }

    #[expect(unsafe_code, reason = "the C library gives memory back by a function only")]
    fn give_back() {
        // SAFETY: it takes the heap's own lock (malloc_trim of glibc is MT-safe) and touches free memory only.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(target_env = "gnu")]
pub use glibc::{of_a_command, of_a_program_that_stays};

/// Other C libraries have no such settings.
#[cfg(not(target_env = "gnu"))]
pub fn of_a_program_that_stays() {}

/// Other C libraries have no such settings.
#[cfg(not(target_env = "gnu"))]
pub fn of_a_command() {}
