/// Where a proxy listens.
struct ListenerSet: Sendable {
    /// In the order of the addresses.
    private let listeners: [Listener]

    /// A proxy that listens nowhere yet.
    init() { self.listeners = [] }

    private init(_ listeners: [Listener]) { self.listeners = listeners }

    var ports: [Int] { self.listeners.map(\.port) }

    /// Makes sockets at all addresses of the options. Where this set has some already, they stay, so that no connection is lost. New ones accept
    /// nothing before ``accept()``, so that nobody is served by settings that are not for the address.
    ///
    /// - Returns: The new set, and what it has no place for, which the caller closes when nothing can fail any more.
    /// - Throws: ``ProxyError`` with code `addressInUse` or `cannotListen`; then nothing has changed.
    func adding(
        _ options: ProxyOptions, workers: [ProxyWorker]
    ) async throws(ProxyError) -> (set: ListenerSet, rest: ListenerSet) {
        var rest = self.listeners
        var chosen: [Listener] = []
        var opened: [Listener] = []
        for address in options.listen {
            if let place = rest.firstIndex(where: { $0.address == address }) {
                chosen.append(rest.remove(at: place))
                continue
            }
            do throws(ProxyError) {
                let listener = try await Listener.open(
                    address, backlog: options.backlog, sharesPort: options.sharesPort,
                    isOwnPort: (self.listeners + opened).contains { $0.port == address.port }, workers: workers)
                chosen.append(listener)
                opened.append(listener)
            } catch {
                for listener in opened { await listener.discard() }
                throw error
            }
        }
        return (ListenerSet(chosen), ListenerSet(rest))
    }

    /// Accepts connections from now on.
    func accept() async {
        for listener in self.listeners { await listener.accept() }
    }

    /// Accepts no more connections; see ``Listener/close()``.
    func close() async {
        for listener in self.listeners { await listener.close() }
    }
}
