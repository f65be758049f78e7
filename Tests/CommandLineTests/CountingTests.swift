import Foundation
import Testing

/// The main job: processes that know nothing of each other count in a file that nothing but the lock protects.
@Suite(.serialized) struct CountingTests {
    static let processes = 8
    static let increments = 250

    /// One increment is a read and a write by a shell, each under the lock, each in a process of its own.
    static let worker = """
        i=0
        while [ $i -lt \(increments) ]; do
            "$COLONY" lock run counter --ttl 30s -- /bin/sh -c 'read -r n < $DIR/counter; echo $((n + 1)) > $DIR/counter' || exit 1
            i=$((i + 1))
        done
        """

    @Test(.timeLimit(.minutes(10)))
    func `8 processes count 250 times each on one SQLite file, and nothing is lost`() async throws {
        try await Scene.run { scene in
            try await Self.count(in: scene)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `8 processes count 250 times each through the daemon, and nothing is lost`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                try await Self.count(in: scene.with(["COLONY_SERVER": daemon.url]))
            }
        }
    }

    private static func count(in scene: Scene) async throws {
        try scene.write("0\n", to: "counter")
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            for _ in 0..<Self.processes {
                group.addTask { try await scene.shell(Self.worker) }
            }
            for try await outcome in group {
                #expect(outcome.code == 0)
                #expect(outcome.errors.isEmpty, "\(outcome.errors)")
            }
        }
        #expect(scene.number(in: "counter") == Self.processes * Self.increments)
    }
}
