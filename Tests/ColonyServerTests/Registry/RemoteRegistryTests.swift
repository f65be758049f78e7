import ColonyConformance
import ColonyCoordination
import ColonyCore
import ColonyRemote
import ColonyServer
import Testing

/// The port of the registry over HTTP, and the blocks on it.
@Suite struct RemoteRegistryTests {
    @Test(.timeLimit(.minutes(5)))
    func `the suite of the registry passes through a daemon`() async throws {
        try await withServer { server in
            let url = try EngineURL(server.url)
            let report = await RegistryConformance.run(
                on: LiveLeaseHarness(timeScale: 0.1, effort: 0.05) { try RemoteLeaseEngine(url: url) }, title: "daemon")
            #expect(report.isPassed, "\(report.text)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `the suite of the registry passes through a daemon over a file`() async throws {
        try await RemotePermitTests.withStore { server in
            let url = try EngineURL(server.url)
            let report = await RegistryConformance.run(
                on: LiveLeaseHarness(timeScale: 0.1, effort: 0.05) { try RemoteLeaseEngine(url: url) }, title: "daemon")
            #expect(report.isPassed, "\(report.text)")
        }
    }

    @Test func `a leader is seen with what it says of itself, and a service with its instances`() async throws {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let election = Election("scheduler", on: engine)
            let leadership = try #require(
                try await election.campaign(upTo: .seconds(30), as: "a", proclaiming: "http://10.0.0.7:8080"))
            let leader = try #require(
                try await Election("scheduler", on: RemoteLeaseEngine.colony(server.url)).leader())
            #expect(leader.metadata == "http://10.0.0.7:8080")
            #expect(leader.term == leadership.term)
            try await leadership.resign()
            #expect(try await election.leader() == nil)

            let registry = Registry(on: engine)
            let instance = ServiceInstance(id: "orders-1", address: "10.0.0.7", port: 8_080)
            try await registry.withRegistration(instance, as: "orders") { _ async throws in
                #expect(try await registry.instances(of: "orders").instances == [instance])
            }
            #expect(try await registry.instances(of: "orders").instances.isEmpty)
        }
    }

    @Test func `groups are listed, and what is left of records is told, as memory and files have them`() async throws {
        func check(_ server: TestServer) async throws {
            let engine: RemoteLeaseEngine = try .colony(server.url)
            for group in ["b/2", "a", "b/1"] {
                let group = try LeaseName(group)
                _ = try await engine.put(RegistryWrite([1], for: "permanent"), in: group)
                let lifetime = RegistryWrite.Lifetime.ephemeral(owner: "o", duration: .seconds(60))
                _ = try await engine.put(RegistryWrite([2], for: "ephemeral", lifetime: lifetime), in: group)
            }
            let groups = try await engine.groups(withPrefix: "", after: nil, limit: 10)
            #expect(groups.map(\.name.rawValue) == ["a", "b/1", "b/2"])
            #expect(groups.map(\.records) == [2, 2, 2])
            let page = try await engine.groups(withPrefix: "b/", after: "b/1", limit: 10)
            #expect(page.map(\.name.rawValue) == ["b/2"])
            let standing = try await engine.standing(of: "a")
            #expect(standing.snapshot.records.map(\.key.rawValue) == ["ephemeral", "permanent"])
            #expect(standing.remaining.keys.map(\.rawValue) == ["ephemeral"])
            let left = try #require(standing.remaining["ephemeral"])
            #expect(left > .zero && left <= .seconds(60))
        }
        try await withServer { try await check($0) }
        try await RemotePermitTests.withStore { try await check($0) }
    }

    @Test func `a wait for a group ends when the daemon stops`() async throws {
        try await withServer { server in
            let engine: RemoteLeaseEngine = try .colony(server.url)
            let revision = try await engine.snapshot(of: "g").revision
            let wait = Task { try await engine.waitForChange(in: "g", since: revision, upTo: .seconds(30)) }
            try await eventually("it waits") {
                try await server.send(.GET, "/metrics").text.contains("\ncolony_registry_waiters 1\n")
            }
            await server.stop()
            let error = await #expect(throws: LeaseError.self) { _ = try await wait.value }
            #expect(error?.code == .unavailable)
        }
    }
}
