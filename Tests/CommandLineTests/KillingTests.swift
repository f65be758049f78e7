import ColonyCore
import Foundation
import Testing

/// Holders and daemons that are killed and stopped at any moment.
@Suite(.serialized) struct KillingTests {
    @Test func `pausedHolderCannotWrite`() async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            let resource = try FencedPipe(scene.path("resource"))
            let script =
                "echo first $COLONY_FENCING_TOKEN > $DIR/resource; trap '' TERM; read -r line < $DIR/gate;"
                + " echo late $COLONY_FENCING_TOKEN > $DIR/resource"
            _ = try await scene.during(
                colony: "lock", "run", "job", "--ttl", "2s", "--", "/bin/sh", "-c", script
            ) { holder in
                try await eventually("the first write arrives") { resource.accepted.map(\.writer) == ["first"] }
                try await holder.stop()
                let next = try await scene.colony(
                    "lock", "run", "job", "--wait", "20s", "--", "/bin/sh", "-c",
                    "echo second $COLONY_FENCING_TOKEN > $DIR/resource")
                #expect(next.code == 0)
                // The paused holder's command writes before the loss can have reached it.
                try await gate.open()
                try await eventually("the late write arrives") { resource.refused.map(\.writer) == ["late"] }
                holder.send(SIGCONT)
            }
            #expect(resource.accepted.map(\.writer) == ["first", "second"])
        }
    }

    /// Six workers contend for a lock; ten times one of them, the holder or not, is killed or stopped for a while.
    @Test(.timeLimit(.minutes(5)))
    func `holders that are killed and stopped at random never share a token, and their late writes are refused`()
        async throws
    {
        try await Scene.run { scene in
            let resource = try FencedPipe(scene.path("resource"))
            let script = "echo $0 $COLONY_FENCING_TOKEN > $DIR/resource; echo $0 $COLONY_FENCING_TOKEN > $DIR/resource"
            var generator = SystemRandomNumberGenerator()
            let seed = generator.next()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        for round in 0..<8 {
                            let writer = "w\(worker)-\(round)"
                            _ = try await scene.during(
                                colony: "lock", "run", "job", "--ttl", "500ms", "--wait", "60s", "--grace", "100ms",
                                "--",
                                "/bin/sh", "-c", script, writer
                            ) { child in
                                try await Self.disturb(
                                    child, Int(truncatingIfNeeded: seed) &+ worker &* 31 &+ round &* 7)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            // A last holder, undisturbed, shows that the lock is alive.
            let last = try await scene.colony(
                "lock", "run", "job", "--wait", "20s", "--", "/bin/sh", "-c", script, "last")
            #expect(last.code == 0, "seed \(seed)")
            try await eventually("the last writes arrive") {
                resource.accepted.suffix(2).map(\.writer) == ["last", "last"]
            }
            var writers: [UInt64: Set<String>] = [:]
            for write in resource.accepted + resource.refused { writers[write.token, default: []].insert(write.writer) }
            #expect(writers.values.allSatisfy { $0.count == 1 }, "seed \(seed)")
            let tokens = resource.accepted.map(\.token)
            #expect(tokens == tokens.sorted(), "seed \(seed)")
        }
    }

    /// Leaves one of three alone, kills one, and stops one for longer than its lease.
    private static func disturb(_ child: ChildProcess, _ choice: Int) async throws {
        let clock = HostClock()
        let delay = Duration.milliseconds(20 + abs(choice % 180))
        switch abs(choice / 180) % 3 {
        case 0:
            break
        case 1:
            try await clock.sleep(for: delay)
            child.send(SIGKILL)
        default:
            try await clock.sleep(for: delay)
            child.send(SIGSTOP)
            try await clock.sleep(for: .milliseconds(700))
            child.send(SIGCONT)
        }
    }

    @Test func `after SIGKILL of the daemon and a restart holders go on and no token repeats`() async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            var tokens: [Int] = []
            let show = ["/bin/sh", "-c", "echo $COLONY_FENCING_TOKEN"]
            let first = try await scene.whileServing { daemon -> ServingDaemon in
                let client = scene.with(["COLONY_SERVER": daemon.url])
                for _ in 0..<3 {
                    let outcome = try await client.colony("lock", "run", "job", "--", show[0], show[1], show[2])
                    tokens.append(try #require(Int(outcome.output.trimmingCharacters(in: .newlines))))
                }
                return daemon
            }
            let port = first.port
            let script = "echo $COLONY_FENCING_TOKEN > $DIR/token; read -r line < $DIR/gate"
            let client = scene.with(["COLONY_SERVER": "http://127.0.0.1:\(port)"])
            let holder = try await scene.whileServing(port: port) { daemon -> ChildProcess in
                let holder = try client.start("lock", "run", "job", "--ttl", "20s", "--", "/bin/sh", "-c", script)
                try await eventually("the holder starts") { scene.number(in: "token") != nil }
                daemon.child.send(SIGKILL)
                return holder
            }
            tokens.append(try #require(scene.number(in: "token")))
            try await scene.whileServing(port: port) { _ in
                let busy = try await client.colony("lock", "run", "job", "--wait", "0s", "--", "true")
                #expect(busy.code == 75)
                try await gate.open()
                #expect(await holder.end().code == 0)
                let outcome = try await client.colony("lock", "run", "job", "--", show[0], show[1], show[2])
                tokens.append(try #require(Int(outcome.output.trimmingCharacters(in: .newlines))))
            }
            #expect(tokens == Array(Set(tokens)).sorted())
        }
    }
}
