import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Receives the signals that ask the program to do something, one at a time, on a thread of its own.
///
/// A handler of the classic kind may call next to nothing. Here the signals are held back in every thread and one thread
/// takes them with `sigwait`, so that what is done about them is ordinary code. A signal that the parent process had set to
/// be ignored, as `nohup` does, is never seen and stays ignored, also in the command that is run.
enum SignalRelay {
    /// What is received: requests to end, the stop key of a terminal, and the two signals that are free for any use.
    private static let received = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2]

    private static let inheritance = Mutex(Spawn.Signals(held: [], ignored: []))

    /// The signals as this process found them when it was started; what a command that it runs must find.
    static var inherited: Spawn.Signals { self.inheritance.withLock { $0 } }

    /// Holds the signals back in this thread and in those that it starts. Called before the first thread is started.
    static func holdSignals() {
        // The terminal may be handed over from the background, which would stop this process otherwise.
        var set = SignalSet.of(Self.received + [SIGTTOU])
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &set, &before)
        let signals = Spawn.Signals(held: SignalSet.members(of: before), ignored: SignalSet.ignored())
        Self.inheritance.withLock { $0 = signals }
        // A pipe whose reader has gone is told by the write, and the guardian may go first.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Calls `handler` for each signal from now on, in the order of arrival, until the process ends.
    static func start(_ handler: @escaping @Sendable (_ signal: CInt) -> Void) {
        startThread(named: "colony-signals") {
            var set = SignalSet.of(Self.received)
            while true {
                var signal: CInt = 0
                if sigwait(&set, &signal) == 0 { handler(signal) }
            }
        }
    }
}
