import ColonyCaches
import ColonyCore
import ColonyMemcached
import Foundation
import RealServers
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A memcached of this test on a free port of 127.0.0.1, killed when the last reference to it goes: also when the test
/// has failed.
final class MemcachedProcess: @unchecked Sendable {
    // Unchecked: `process` is only changed by `start` and `kill`, which one test calls in turn.

    let port: UInt16
    private let arguments: [String]
    private var process: Process?

    static let path = ["/usr/bin/memcached", "/usr/local/bin/memcached", "/opt/homebrew/bin/memcached"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Whether the tests can run. Without memcached they are skipped, except under CI, where nobody reads that.
    static var isAvailable: Bool {
        if self.path != nil { return true }
        if ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print("skipped: memcached is not installed (Debian's package is memcached)")
        return false
    }

    init(_ arguments: [String] = [], isStarted: Bool = true) async throws {
        self.port = try UInt16(FreePort.take())
        self.arguments = arguments
        if isStarted { try await self.start() }
    }

    deinit { self.kill() }

    var server: MemcachedServer { MemcachedServer("127.0.0.1", port: self.port) }

    /// Starts it, and waits until it answers.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.path, "memcached is not installed"))
        let user = getuid() == 0 ? ["-u", "nobody"] : []
        process.arguments = ["-l", "127.0.0.1", "-p", "\(self.port)", "-U", "0", "-t", "2"] + user + self.arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        try await eventually("memcached answers on port \(self.port)") {
            try #require(process.isRunning, "memcached ended by itself")
            guard let socket = try? RawSocket(port: self.port) else { return false }
            return (try? socket.ask("mn\r\n")) == "MN\r\n"
        }
    }

    func signal(_ number: Int32) {
        if let process, process.isRunning { Self.send(number, to: process.processIdentifier) }
    }

    /// Has it stand still, and waits until every thread of it does.
    func suspend() async throws {
        self.signal(SIGSTOP)
        #if os(Linux)
        let folder = "/proc/\(try #require(self.process).processIdentifier)/task"
        try await eventually("memcached stands still") {
            try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { thread in
                let line = try String(contentsOfFile: "\(folder)/\(thread)/stat", encoding: .utf8)
                // The name in brackets may hold anything; the state stands behind it.
                return line.split(separator: ")").last?.hasPrefix(" T") == true
            }
        }
        #endif
    }

    /// Ends it without a chance to say anything, and waits until it is gone.
    func kill() {
        guard let process else { return }
        self.signal(SIGKILL)
        process.waitUntilEnded()
        self.process = nil
    }

    private static func send(_ number: Int32, to process: pid_t) {
        #if canImport(Darwin)
        Darwin.kill(process, number)
        #elseif canImport(Musl)
        Musl.kill(process, number)
        #else
        Glibc.kill(process, number)
        #endif
    }

    /// A tier on this server alone; patient enough for a busy machine unless the test says otherwise.
    func tier(_ change: (inout MemcachedOptions) -> Void = { _ in }) throws -> MemcachedCacheTier {
        try MemcachedCacheTier(self.options(change))
    }

    func options(_ change: (inout MemcachedOptions) -> Void = { _ in }) -> MemcachedOptions {
        var options = MemcachedOptions(servers: [self.server])
        options.requestTimeout = .seconds(20)
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        change(&options)
        return options
    }
}

/// Tries until a condition holds, for half a minute at most.
func eventually(_ expectation: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(30))
    while clock.now < deadline {
        if try await condition() { return }
        await Task.yield()
    }
    throw Disappointment(description: "not within 30 seconds: \(expectation)")
}

struct Disappointment: Error, CustomStringConvertible {
    let description: String
}

/// The code with which a call fails; `nil` if it does not.
func code(of call: () async throws(CacheError) -> some Any) async -> CacheError.Code? {
    do throws(CacheError) {
        _ = try await call()
        return nil
    } catch {
        return error.code
    }
}

/// A connection without any of the code under test, for looking at what is really stored.
final class RawSocket {
    private let descriptor: Int32

    static func make() -> Int32 {
        #if canImport(Glibc)
        socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    init(port: UInt16) throws {
        self.descriptor = Self.make()
        var address = Self.address(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Never wait for ever: a test that hangs says less than one that fails.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard status == 0 else {
            throw Disappointment(description: "port \(port): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(self.descriptor) }

    /// Sends text that ends with `mn`, and gives everything up to its answer.
    func ask(_ text: String) throws -> String {
        let bytes = Array(text.utf8)
        guard send(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Disappointment(description: "nothing can be sent")
        }
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while !answer.suffix(4).elementsEqual("MN\r\n".utf8) {
            let count = recv(self.descriptor, &part, part.count, 0)
            guard count > 0 else { throw Disappointment(description: "the connection ended") }
            answer += part[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
