import ColonyCore
import ColonySimulation
import Testing

/// What a disk keeps over a crash.
@Suite struct SimulatedDiskTests {
    private let seeds = Seed(rawValue: 1).followed(by: 200)

    @Test("What was synced, with its folder, is there after a crash")
    func synced() {
        for seed in self.seeds {
            var disk = SimulatedDisk(seed: seed)
            disk.write([1, 2, 3], to: "a")
            disk.sync("a")
            disk.syncFolder()
            disk.crash()
            #expect(disk.read("a") == [1, 2, 3])
            #expect(disk.losses == 0)
        }
    }

    @Test("What was not synced may be old, new, or torn, and a name may be missing")
    func unsynced() {
        var contents: Set<[UInt8]> = []
        var isMissing = false
        for seed in self.seeds {
            var disk = SimulatedDisk(seed: seed)
            disk.write(Array(repeating: 1, count: 1_024), to: "a")
            disk.sync("a")
            disk.syncFolder()
            disk.write(Array(repeating: 2, count: 1_024), to: "a")
            disk.write([3], to: "b")
            disk.sync("b")
            disk.crash()
            if let content = disk.read("a") { contents.insert(content) }
            isMissing = isMissing || disk.read("b") == nil
        }
        // Two sectors, each old or new.
        #expect(contents.count == 4)
        #expect(isMissing)
    }

    @Test("A file that is renamed before it was synced may be torn under its new name")
    func renamedUnsynced() {
        var torn = 0
        for seed in self.seeds {
            var disk = SimulatedDisk(seed: seed)
            disk.write([1], to: "a")
            disk.sync("a")
            disk.syncFolder()
            disk.write([2], to: "a.new")
            disk.rename("a.new", to: "a")
            disk.syncFolder()
            disk.crash()
            if disk.read("a") != [2] { torn += 1 }
            #expect(disk.read("a.new") == nil)
        }
        #expect(torn > 0)
    }

    @Test("A clock shows at the instant that it says what it was asked for, and not before, however it drifts")
    func driftingClock() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2_000 {
            let start = MonotonicInstant(nanoseconds: Int64.random(in: 0...1_000_000_000, using: &generator))
            var clock = DriftingClock(
                origin: MonotonicInstant(nanoseconds: Int64.random(in: 0...1_000_000_000, using: &generator)),
                drift: Double.random(in: -0.5...0.5, using: &generator), at: start)
            let later = start.advanced(by: .milliseconds(Int64.random(in: 0...10_000, using: &generator)))
            let before = clock.reading(at: later)
            clock.setDrift(Double.random(in: -0.5...0.5, using: &generator), at: later)
            #expect(clock.reading(at: later) == before)
            let wanted = before.advanced(by: .nanoseconds(Int64.random(in: 1...5_000_000_000, using: &generator)))
            let instant = clock.instant(of: wanted)
            #expect(clock.reading(at: instant) >= wanted)
            #expect(clock.reading(at: MonotonicInstant(nanoseconds: instant.nanoseconds - 1)) < wanted)
        }
    }
}
