import ColonyCore
import ColonyRESP
import Synchronization

/// A connection that listens to one channel, made when it is first needed, and made again whenever it is lost.
///
/// In a cluster each server passes on what is published at any other, so one connection is enough; when its server is gone,
/// the next one is tried.
final class RedisSubscription: RedisListener {
    private struct State {
        var link: RedisLink?
        var next = 0
        var failures = 0
        var isMoving = false
        var isClosed = false
    }

    private let options: RedisOptions
    private let channel: String
    private let tls: RedisTLSContext?
    private let state = Mutex(State())
    private let generator: Mutex<any RandomNumberGenerator & Sendable>
    private let hasBegun: @Sendable () -> Void
    private let hasHeard: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - tls: As for the other connections.
    ///   - hasBegun: The channel is listened to; what was published before was not heard.
    ///   - hasHeard: A message. Both are called on event loops.
    init(
        _ options: RedisOptions, channel: String, tls: RedisTLSContext?, hasBegun: @escaping @Sendable () -> Void,
        hasHeard: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.options = options
        self.channel = channel
        self.tls = tls
        self.generator = Mutex(options.makeGenerator())
        self.hasBegun = hasBegun
        self.hasHeard = hasHeard
    }

    /// Begins to listen, unless it has been asked to.
    func start() {
        let link = self.state.withLock { state -> RedisLink? in
            if state.isClosed || state.link != nil || state.isMoving { return nil }
            return self.makeLink(&state)
        }
        link?.startListening()
    }

    func close() async {
        let link = self.state.withLock { state in
            state.isClosed = true
            defer { state.link = nil }
            return state.link
        }
        await link?.close()
    }

    private func makeLink(_ state: inout State) -> RedisLink {
        let address = self.options.servers[state.next % self.options.servers.count]
        let link = RedisLink(address, RedisLinkSettings(self.options, prefix: "", listener: self, tls: self.tls))
        state.link = link
        return link
    }

    // MARK: What the connection tells

    var isWanted: Bool { true }

    var isForEveryConnection: Bool { false }

    /// The answer to `SUBSCRIBE` is a push, unless it is an error; the one that counts is that to `PING`.
    func writeBeginning(to bytes: inout [UInt8]) {
        RESPCommandEncoding.append(command: "SUBSCRIBE", self.channel, to: &bytes)
        RESPCommandEncoding.append(command: "PING", to: &bytes)
    }

    func began() {
        self.state.withLock { $0.failures = 0 }
        self.hasBegun()
    }

    func heard(_ values: [RESPValue]) {
        guard values.count == 3, values[0].text == "message", let message = values[2].bytes else { return }
        self.hasHeard(message)
    }

    func lost() {
        // A single server is tried again by the connection itself.
        guard self.options.servers.count > 1 else { return }
        let failures = self.state.withLock { state -> Int? in
            if state.isClosed || state.isMoving { return nil }
            state.isMoving = true
            state.failures += 1
            return state.failures
        }
        guard let failures else { return }
        let wait = self.generator.withLock { self.options.backoff.delay(after: failures, using: &$0) }
        Task {
            try? await self.options.clock.sleep(for: wait)
            let (old, new) = self.state.withLock { state -> (RedisLink?, RedisLink?) in
                state.isMoving = false
                if state.isClosed { return (nil, nil) }
                state.next += 1
                let old = state.link
                return (old, self.makeLink(&state))
            }
            new?.startListening()
            await old?.close()
        }
    }
}
