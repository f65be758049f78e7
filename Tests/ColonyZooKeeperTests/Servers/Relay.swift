#if ZooKeeper
import ColonyCore
import RealServers
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A port of this test that passes everything on to a server, or to nobody, and breaks connections when told to.
final class Relay: Sendable {
    /// What happens to what a client sends and to what comes back.
    enum Manner: Sendable {
        case pass
        /// Takes connections and says nothing.
        case silence
        /// Answers whatever comes with this text and hangs up.
        case answer(String)
    }

    private struct State {
        var listener: Int32 = -1
        var connections: Set<Int32> = []
        var isClosed = false
        /// Whether new connections are ended at once.
        var isPaused = false
        /// When a request holds these bytes, it is passed on, the answer is swallowed, and the connection broken.
        var swallow: [UInt8]?
        var swallowed = 0
    }

    let port: Int
    private let target: Int
    private let manner: Manner
    private let state = Mutex(State())

    init(to target: Int, _ manner: Manner = .pass) throws {
        self.port = try FreePort.take()
        self.target = target
        self.manner = manner
        let listener = RawSocket.make()
        var reuse: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = RawSocket.address(port: self.port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0, listen(listener, 16) == 0 else { throw Disappointment(description: "no relay") }
        self.state.withLock { $0.listener = listener }
        startThread(named: "relay") { [self] in self.accept(on: listener) }
    }

    /// How many answers were swallowed.
    var swallowed: Int { self.state.withLock(\.swallowed) }

    /// Loses the answer to the next request that holds `text`, and the connection with it.
    func swallowAnswer(to text: String) {
        self.state.withLock { $0.swallow = Array(text.utf8) }
    }

    /// Breaks the connections that are there; new ones are taken.
    func cut() {
        for connection in self.state.withLock({ $0.connections }) { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    /// Breaks all connections and ends new ones at once, until ``resume()``.
    func pause() {
        self.state.withLock { $0.isPaused = true }
        self.cut()
    }

    func resume() { self.state.withLock { $0.isPaused = false } }

    func close() {
        let listener = self.state.withLock { state -> Int32 in
            state.isClosed = true
            return state.listener
        }
        shutdown(listener, Int32(SHUT_RDWR))
        self.cut()
    }

    private func accept(on listener: Int32) {
        while true {
            #if canImport(Darwin)
            let client = Darwin.accept(listener, nil, nil)
            #elseif canImport(Musl)
            let client = Musl.accept(listener, nil, nil)
            #else
            let client = Glibc.accept(listener, nil, nil)
            #endif
            guard client >= 0, !self.state.withLock({ $0.isClosed }) else { return }
            let isTaken = self.state.withLock { state -> Bool in
                if !state.isPaused { state.connections.insert(client) }
                return !state.isPaused
            }
            guard isTaken else {
                shutdown(client, Int32(SHUT_RDWR))
                continue
            }
            startThread(named: "relay-in") { [self] in self.serve(client) }
        }
    }

    private func serve(_ client: Int32) {
        var server: Int32 = -1
        let isCut = Atomic<Bool>(false)
        defer { self.forget(client, server) }
        if case .pass = self.manner {
            server = RawSocket.make()
            var address = RawSocket.address(port: self.target)
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else { return }
            let upstream = server
            self.state.withLock { _ = $0.connections.insert(upstream) }
            startThread(named: "relay-out") { [self] in self.copy(from: upstream, to: client) }
        }
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(client, &part, part.count, 0)
            guard count > 0 else { return }
            switch self.manner {
            case .silence: continue
            case .answer(let text):
                _ = send(client, text, text.utf8.count, Int32(MSG_NOSIGNAL))
                return
            case .pass:
                if self.mustSwallow(part[..<count]) {
                    // The way back is closed before the request goes on its way.
                    shutdown(client, Int32(SHUT_RDWR))
                    isCut.store(true, ordering: .relaxed)
                }
                guard send(server, part, count, Int32(MSG_NOSIGNAL)) == count, !isCut.load(ordering: .relaxed) else {
                    return
                }
            }
        }
    }

    private func mustSwallow(_ bytes: ArraySlice<UInt8>) -> Bool {
        self.state.withLock { state in
            guard let text = state.swallow, bytes.contains(text) else { return false }
            state.swallow = nil
            state.swallowed += 1
            return true
        }
    }

    private func copy(from source: Int32, to target: Int32) {
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &part, part.count, 0)
            guard count > 0, send(target, part, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(target, Int32(SHUT_RDWR))
    }

    private func forget(_ client: Int32, _ server: Int32) {
        self.state.withLock { state in
            state.connections.remove(client)
            state.connections.remove(server)
        }
        // The server side is shut, not closed, so that the copying thread cannot meet a number that was given away.
        if server >= 0 { shutdown(server, Int32(SHUT_WR)) }
        shutdown(client, Int32(SHUT_RDWR))
    }
}
#endif
