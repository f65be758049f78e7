import ColonyCore
import ColonyRESP
import Synchronization

/// Sends commands to the servers that have their keys.
final class RedisRouter: Sendable {
    private struct State {
        var nodes: [RedisAddress: RedisNode] = [:]
        var map: ClusterMap?
        /// The request for a new map that is under way.
        var refresh: Task<Result<Void, RedisFailure>, Never>?
        var isClosed = false
    }

    let settings: RedisLinkSettings
    private let state = Mutex(State())
    /// The server, where there is only one.
    private let only: RedisNode?

    init(_ settings: RedisLinkSettings) {
        self.settings = settings
        self.only = settings.options.isCluster ? nil : RedisNode(settings.options.servers[0], settings)
    }

    /// The server, where there is only one. A closed one refuses by itself.
    var onlyNode: RedisNode? { self.only }

    var options: RedisOptions { self.settings.options }

    func deadline() -> MonotonicInstant { self.options.clock.now.advanced(by: self.options.timeout) }

    /// The connections to a server, made now if there are none.
    func node(_ address: RedisAddress) -> RedisNode? {
        self.state.withLock { state in
            if state.isClosed { return nil }
            if let node = state.nodes[address] { return node }
            let node = RedisNode(address, self.settings)
            state.nodes[address] = node
            return node
        }
    }

    /// Makes all servers tell what the listener wants to hear.
    func startListening() {
        guard self.options.isCluster else {
            self.only?.startListening()
            return
        }
        // Of a cluster the servers must be known first. A failure is tried again by the next call that needs the map.
        if let map = self.state.withLock(\.map) {
            for master in map.masters { self.node(master)?.startListening() }
        } else {
            Task { await self.discover() }
        }
    }

    private func discover() async {
        var generator = self.options.makeGenerator()
        var failures = 0
        while !self.state.withLock(\.isClosed) {
            if case .success = await self.startRefresh().value { return }
            failures += 1
            let wait = self.options.backoff.delay(after: failures, using: &generator)
            do { try await self.options.clock.sleep(for: wait) } catch { return }
        }
    }

    func close() async {
        let (nodes, refresh) = self.state.withLock { state in
            state.isClosed = true
            defer { state.nodes = [:] }
            return (Array(state.nodes.values), state.refresh)
        }
        refresh?.cancel()
        await self.only?.close()
        for node in nodes { await node.close() }
    }

    // MARK: The map of a cluster

    /// The map, asked for if there is none.
    func map(until deadline: MonotonicInstant) async throws(RedisFailure) -> ClusterMap {
        if let map = self.state.withLock(\.map) { return map }
        try await self.awaitRefresh(until: deadline)
        if let map = self.state.withLock(\.map) { return map }
        throw RedisFailure(.unavailable, "no server of the cluster has told which server has which keys")
    }

    /// Asks for the map, together with whoever asks at the same time.
    private func awaitRefresh(until deadline: MonotonicInstant) async throws(RedisFailure) {
        let refresh = self.startRefresh()
        let clock = self.options.clock
        let result = try await BoundedCall.run(
            upTo: clock.now.duration(to: deadline), on: clock,
            timeOut: RedisFailure(.unavailable, "the cluster did not tell in time which server has which keys")
        ) { () async throws(RedisFailure) in
            await refresh.value
        }
        if Task.isCancelled { throw RedisFailure.cancelled }
        guard case .failure(let failure) = result else { return }
        let (hasMap, isClosed) = self.state.withLock { ($0.map != nil, $0.isClosed) }
        // Closing cancels the question; that is not the caller's cancellation.
        if isClosed { throw RedisFailure.closed }
        if !hasMap { throw failure }
    }

    @discardableResult
    func startRefresh() -> Task<Result<Void, RedisFailure>, Never> {
        self.state.withLock { state in
            if let refresh = state.refresh { return refresh }
            let refresh = Task { await self.refresh() }
            state.refresh = refresh
            return refresh
        }
    }

    private func refresh() async -> Result<Void, RedisFailure> {
        let known = self.state.withLock { $0.map?.masters ?? [] }
        let candidates = known + self.options.servers.filter { !known.contains($0) }
        // Each server gets its share of the time, so that one that is frozen does not use it up.
        let share = self.options.timeout / min(4, max(2, candidates.count))
        var last = RedisFailure(.unavailable, "no server of the cluster is known", wasSent: false)
        for candidate in candidates {
            guard let node = self.node(candidate) else {
                last = RedisFailure.closed
                break
            }
            let call = RedisCall(expected: 1, deadline: self.options.clock.now.advanced(by: share))
            node.link().send(call) { RESPCommandEncoding.append(command: "CLUSTER", "SLOTS", to: &$0) }
            await call.wait()
            do throws(RedisFailure) {
                let answer = try call.single()
                if let map = ClusterMap(answer, from: candidate) {
                    self.install(map)
                    return .success(())
                }
                let said = answer.errorText ?? "a map without servers"
                last = RedisFailure(
                    .refused, "\(candidate) does not tell of a cluster: it said \(NameRules.quoted(said))",
                    wasSent: true)
            } catch {
                last = error
            }
        }
        self.state.withLock { $0.refresh = nil }
        return .failure(last)
    }

    private func install(_ map: ClusterMap) {
        let (gone, isNew) = self.state.withLock { state in
            state.refresh = nil
            let isNew = state.map != map
            state.map = map
            // Seeds stay: they are whom to ask when all else is gone.
            let kept = Set(map.masters + self.options.servers)
            let gone = state.nodes.filter { !kept.contains($0.key) }
            for address in gone.keys { state.nodes[address] = nil }
            return (Array(gone.values), isNew)
        }
        for node in gone { Task { await node.retire() } }
        if isNew, self.settings.listener?.isWanted == true {
            for master in map.masters { self.node(master)?.startListening() }
        }
    }

    /// Notes where a slot has gone.
    func moved(_ slot: Int, to address: RedisAddress) {
        let isNew = self.state.withLock { state in
            let isNew = state.map?.masters.contains(address) == false
            state.map?.assign(slot, to: address)
            return isNew
        }
        if isNew, self.settings.listener?.isWanted == true { self.node(address)?.startListening() }
        self.startRefresh()
    }
}

/// The connections to one server.
final class RedisNode: Sendable {
    let address: RedisAddress
    private let links: [RedisLink]
    private let next = Atomic<Int>(0)
    private let listener: (any RedisListener)?

    init(_ address: RedisAddress, _ settings: RedisLinkSettings) {
        self.address = address
        self.listener = settings.listener
        self.links = (0..<settings.options.connections).map { _ in RedisLink(address, settings) }
        // The server remembers keys for the connection that read them, so each must ask from its first read on.
        if let listener, listener.isWanted, listener.isForEveryConnection { self.startListening() }
    }

    /// The connection whose turn it is.
    func link() -> RedisLink {
        if self.links.count == 1 { return self.links[0] }
        let turn = self.next.wrappingAdd(1, ordering: .relaxed).oldValue
        return self.links[Int(truncatingIfNeeded: turn.magnitude % UInt(self.links.count))]
    }

    func startListening() {
        guard let listener else { return }
        for link in listener.isForEveryConnection ? self.links[...] : self.links.prefix(1) { link.startListening() }
    }

    func close() async {
        for link in self.links { await link.close() }
    }

    /// Closes connections to a server that has left, when what is under way has ended or failed.
    func retire() async {
        for link in self.links { await link.drain() }
    }
}
