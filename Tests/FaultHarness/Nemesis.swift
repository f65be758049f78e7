import ColonyCore
import FaultHistory
import RealServers

/// Brings faults about and takes them out again, and writes both to the history.
struct Nemesis: Sendable {
    let servers: [ServerProcess]
    let contenders: Contenders
    let network: PrivateNetwork?
    /// Of the network: three for servers, then one for each contender.
    let hosts: [PrivateNetwork.Host]
    let diary: HistoryFile
    let announce: @Sendable (String) -> Void

    func begin(_ fault: Fault) throws {
        self.note(.fault, "\(fault)")
        switch fault {
        case .killServer(let index): self.servers[index].kill()
        case .killEveryServer: for server in self.servers { server.kill() }
        case .pauseServer(let index): self.servers[index].suspend()
        case .cutServer(let index): try self.network?.cut(self.hosts[index])
        case .killContender(let index): self.contenders.kill(index)
        case .pauseContender(let index): self.contenders.process(index).suspend()
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
        case .cutContender(let index): try self.network?.mend(self.hosts[3 + index])
        // The clock stays wrong: nothing has to set it right again.
        case .stepWallClock: break
        }
        self.note(.fault, "over: \(fault)")
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
