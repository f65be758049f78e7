import ColonyCore
import FaultHistory
import RealServers
import Synchronization

/// Brings faults about and takes them out again, and writes both to the history.
final class Nemesis: Sendable {
    private let servers: [ServerProcess]
    private let contenders: Contenders
    private let network: PrivateNetwork?
    /// Of the network: three for servers, then one for each contender.
    private let hosts: [PrivateNetwork.Host]
    private let diary: HistoryFile
    private let announce: @Sendable (String) -> Void
    /// Whom the present fault of a holder has hit.
    private let target = Mutex(0)

    init(
        servers: [ServerProcess], contenders: Contenders, network: PrivateNetwork?, hosts: [PrivateNetwork.Host],
        diary: HistoryFile, announce: @escaping @Sendable (String) -> Void
    ) {
        self.servers = servers
        self.contenders = contenders
        self.network = network
        self.hosts = hosts
        self.diary = diary
        self.announce = announce
    }

    func begin(_ fault: Fault) throws {
        self.note(.fault, "\(fault)")
        switch fault {
        case .killServer(let index): self.servers[index].kill()
        case .killEveryServer: for server in self.servers { server.kill() }
        case .pauseServer(let index): self.servers[index].suspend()
        case .cutServer(let index): try self.network?.cut(self.hosts[index])
        case .killContender(let index): self.contenders.kill(index)
        case .pauseContender(let index): self.contenders.process(index).suspend()
        case .killHolder(let other): self.contenders.kill(try self.aim(else: other))
        case .pauseHolder(let other): self.contenders.process(try self.aim(else: other)).suspend()
        case .cutContender(let index): try self.network?.cut(self.hosts[3 + index])
        case .stepWallClock(let index, let seconds): try self.contenders.clock(index)?.set(secondsOff: seconds)
        }
    }

    func end(_ fault: Fault) throws {
        switch fault {
        case .killServer(let index): try self.servers[index].start()
        case .killEveryServer: for server in self.servers { try server.start() }
        case .pauseServer(let index): self.servers[index].resume()
        case .cutServer(let index): try self.network?.mend(self.hosts[index])
        case .killContender(let index): try self.contenders.replace(index)
        case .pauseContender(let index): self.contenders.process(index).resume()
        case .killHolder: try self.contenders.replace(self.target.withLock { $0 })
        case .pauseHolder: self.contenders.process(self.target.withLock { $0 }).resume()
        case .cutContender(let index): try self.network?.mend(self.hosts[3 + index])
        // The clock stays wrong: nothing has to set it right again.
        case .stepWallClock: break
        }
        self.note(.fault, "over: \(fault)")
    }

    /// Finds the holder by what the contenders have written last.
    private func aim(else other: Int) throws -> Int {
        let last = try self.contenders.history().last { [.acquired, .released, .lost].contains($0.kind) }
        let holder = last.flatMap { $0.kind == .acquired ? Int($0.contender) : nil }.map { $0 - 1 } ?? other
        self.target.withLock { $0 = holder }
        return holder
    }

    /// Has everything run and reach everything. What is not wrong is left alone.
    func healEverything() throws {
        for server in self.servers {
            server.resume()
            try server.start()
        }
        for host in self.hosts { try self.network?.mend(host) }
        self.note(.healed, "all is well")
    }

    private func note(_ kind: HistoryEvent.Kind, _ text: String) {
        self.announce(text)
        self.diary.append(HistoryEvent(at: HostClock().now.nanoseconds, who: "nemesis", kind, text: text))
    }
}
