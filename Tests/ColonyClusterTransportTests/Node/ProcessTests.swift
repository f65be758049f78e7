import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Foundation
import RealServers
import Testing

/// Members in processes of their own, which are killed and stopped.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterProcessTests {
    private let folder: TemporaryFolder
    private let keyFile: String

    init() throws {
        self.folder = try TemporaryFolder("colony-cluster")
        self.keyFile = "\(self.folder.path)/key"
        try Data("AAECAwQFBgcICQoLDA0ODw==\n".utf8).write(to: URL(fileURLWithPath: self.keyFile))
    }

    private func probe(_ name: String, seed: MemberAddress) throws -> ServerProcess {
        // The products of the package lie beside the bundle of its tests.
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let program = tests.deletingLastPathComponent().appendingPathComponent("colony-cluster-probe").path
        let process = ServerProcess(name, .init(program, [name, self.keyFile, "\(seed)"], in: self.folder.path))
        try process.start()
        return process
    }

    @Test("A process that is killed is found, and one that is stopped as well, and is back when it goes on")
    func killedAndStoppedProcessesAreFound() async throws {
        let keyring = try ClusterKeyring(file: self.keyFile)
        try await Nodes.with { nodes in
            let node = try await nodes.start("observer", keyring: .some(keyring))
            let seed = try nodes.seed
            var probes: [String: ServerProcess] = [:]
            for name in ["p-1", "p-2", "p-3"] { probes[name] = try self.probe(name, seed: seed) }
            defer { for probe in probes.values { probe.kill() } }
            func present(_ names: NodeID...) async throws {
                try await eventually("\(names), and \(Nodes.present(node)); \(probes["p-1"]?.complaint ?? "")") {
                    Nodes.present(node) == ["observer"] + names
                }
            }
            try await present("p-1", "p-2", "p-3")
            probes["p-2"]?.kill()
            try await present("p-1", "p-3")
            #expect(node.member("p-2")?.state == .failed)
            probes["p-3"]?.suspend()
            try await present("p-1")
            probes["p-3"]?.resume()
            try await present("p-1", "p-3")
            // A second one of that name, as a supervisor starts it.
            try probes["p-2"]?.start()
            try await present("p-1", "p-2", "p-3")
            #expect(node.statistics.refused - (node.statistics.refusals[.misdirected] ?? 0) == 0)
        }
    }
}
