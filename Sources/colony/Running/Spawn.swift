import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
@preconcurrency import Musl
#else
@preconcurrency import Glibc
#endif

/// One start of a program in a process group of the caller's choice, by `posix_spawn`.
///
/// The Subprocess package is not used for it, for three reasons: it does not tell when a child *stops*, without which the
/// stop key of a terminal would hang it; it closes the descriptors above 2 that the caller's shell has opened for the
/// command; and it makes signals that `nohup` had switched off deadly again.
struct Spawn {
    /// What the program inherits in the way of signals: the state in which this process itself was started.
    struct Signals: Sendable {
        /// Numbers of the signals that were held back.
        let held: [CInt]
        /// Numbers of the signals that were ignored.
        let ignored: [CInt]
    }

    /// The file, its words including the first, and the environment; each a byte string without a zero.
    var path: [UInt8]
    var words: [[UInt8]]
    var environment: [[UInt8]]
    /// The group to join, or 0 for a new one that bears the number of the new process.
    var group: pid_t
    /// Which descriptors of this process become which of the new one. Others are inherited as their flags say.
    var descriptors: [(here: CInt, there: CInt)] = []
    var signals: Signals

    /// - Returns: The number of the new process, or the error that kept it from starting.
    func start() -> Result<pid_t, SpawnError> {
        var attributes = posix_spawnattr_t.empty
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, self.group)
        var held = SignalSet.of(self.signals.held)
        posix_spawnattr_setsigmask(&attributes, &held)
        // A library may have switched a signal off in this process, as network code does with SIGPIPE.
        var restored = SignalSet.of(SignalSet.all.filter { !self.signals.ignored.contains($0) })
        posix_spawnattr_setsigdefault(&attributes, &restored)

        var actions = posix_spawn_file_actions_t.empty
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (here, there) in self.descriptors {
            posix_spawn_file_actions_adddup2(&actions, here, there)
        }

        let words = Self.copied(self.words)
        let environment = Self.copied(self.environment)
        defer { for string in words + environment { free(string) } }
        var process: pid_t = 0
        let path = self.path.map { CChar(bitPattern: $0) } + [0]
        let status = Self.whileNothingStarts {
            posix_spawn(&process, path, &actions, &attributes, words, environment)
        }
        return status == 0 ? .success(process) : .failure(SpawnError(number: status))
    }

    private static let starting = Mutex(())

    /// Runs `body` while no other thread starts a program, which would inherit descriptors that are not yet marked as private.
    static func whileNothingStarts<Value: Sendable>(_ body: () -> Value) -> Value {
        Self.starting.withLock { _ in body() }
    }

    struct SpawnError: Error {
        let number: CInt
    }

    private static func copied(_ strings: [[UInt8]]) -> [UnsafeMutablePointer<CChar>?] {
        strings.map { string in strdup(string.map { CChar(bitPattern: $0) } + [0]) } + [nil]
    }
}

/// Sets of signals, written down as numbers.
enum SignalSet {
    /// Every signal whose handling a process may choose.
    static let all: [CInt] = (1...31).filter { $0 != SIGKILL && $0 != SIGSTOP }

    static func of(_ signals: [CInt]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }

    static func members(of set: sigset_t) -> [CInt] {
        var set = set
        return Self.all.filter { sigismember(&set, $0) == 1 }
    }

    /// The signals that this process ignores now.
    static func ignored() -> [CInt] {
        Self.all.filter { signal in
            var action = sigaction()
            guard sigaction(signal, nil, &action) == 0 else { return false }
            #if canImport(Darwin)
            let handler = unsafeBitCast(action.__sigaction_u.__sa_handler, to: Int.self)
            #elseif canImport(Musl)
            let handler = unsafeBitCast(action.__sa_handler.sa_handler, to: Int.self)
            #else
            let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            #endif
            return handler == unsafeBitCast(SIG_IGN, to: Int.self)
        }
    }
}

/// The environment of this process as bytes, because values need not be UTF-8.
enum EnvironmentBytes {
    static func ofThisProcess() -> [[UInt8]] {
        var result: [[UInt8]] = []
        #if canImport(Darwin)
        var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = _NSGetEnviron().pointee
        #else
        var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = environ
        #endif
        while let start = entry.pointee {
            result.append(UnsafeRawBufferPointer(start: start, count: strlen(start)).map { $0 })
            entry += 1
        }
        return result
    }

    static func value(of name: String, in environment: [[UInt8]]) -> [UInt8]? {
        let prefix = Array("\(name)=".utf8)
        return environment.first { $0.starts(with: prefix) }.map { Array($0.dropFirst(prefix.count)) }
    }

    static func setting(_ values: [(name: String, value: String)], in environment: [[UInt8]]) -> [[UInt8]] {
        let prefixes = values.map { Array("\($0.name)=".utf8) }
        let kept = environment.filter { entry in !prefixes.contains { entry.starts(with: $0) } }
        return kept + values.map { Array("\($0.name)=\($0.value)".utf8) }
    }
}

#if canImport(Darwin)
extension Optional where Wrapped == OpaquePointer {
    fileprivate static var empty: Self { nil }
}
#else
extension posix_spawnattr_t {
    fileprivate static var empty: Self { Self() }
}
extension posix_spawn_file_actions_t {
    fileprivate static var empty: Self { Self() }
}
#endif
