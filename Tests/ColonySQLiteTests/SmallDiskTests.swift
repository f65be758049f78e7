#if os(Linux)
import ColonyCore
import ColonySQLite
import Foundation
import Synchronization
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A disk of two megabytes, in memory; it takes root to mount it.
private final class SmallDisk: Sendable {
    let path: String

    static var isPossible: Bool { geteuid() == 0 }

    struct CannotMount: Error {
        let reason: String
    }

    init?() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-disk-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.path = folder.path
        guard mount("colony", self.path, "tmpfs", 0, "size=2m") == 0 else {
            let reason = String(cString: strerror(errno))
            try FileManager.default.removeItem(atPath: self.path)
            // Under CI nothing is skipped.
            if ProcessInfo.processInfo.environment["CI"] != nil { throw CannotMount(reason: reason) }
            print("skipped: a small disk could not be mounted: \(reason)")
            return nil
        }
    }

    func remount(readOnly: Bool) -> Bool {
        mount("colony", self.path, "tmpfs", UInt(MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0), nil) == 0
    }

    deinit {
        umount2(self.path, Int32(MNT_DETACH))
        try? FileManager.default.removeItem(atPath: self.path)
    }
}

@Suite(
    "A small disk", .timeLimit(.minutes(2)),
    .enabled(if: SmallDisk.isPossible, "only root can mount a disk"))
struct SmallDiskTests {
    @Test func `a full disk is said to be full, loses nothing, and serves again when there is space`() async throws {
        guard let disk = try SmallDisk() else { return }
        let path = disk.path + "/colony.db"
        let engine = SQLiteLeaseEngine.sqlite(path: path)
        let kept = try #require(try await engine.tryAcquire("kept", owner: "a", for: .seconds(600)).lease)
        // What else is on the disk grows until nothing is left.
        let ballast = disk.path + "/ballast"
        let file = open(ballast, O_WRONLY | O_CREAT, 0o644)
        let block = [UInt8](repeating: 0, count: 4_096)
        while write(file, block, block.count) > 0 {}
        close(file)
        var granted: [Lease] = []
        var failure: LeaseError?
        for index in 0..<2_000 where failure == nil {
            do {
                let name = try LeaseName("filler-\(index)-\(String(repeating: "x", count: 200))")
                if let lease = try await engine.tryAcquire(name, owner: "a", for: .seconds(600)).lease {
                    granted.append(lease)
                }
            } catch let error as LeaseError {
                failure = error
            }
        }
        #expect(failure?.code == .storageFailed)
        #expect(failure?.message.contains("full") == true)
        #expect(failure?.message.contains(path) == true)
        // Reading goes on.
        #expect(try await engine.inspect("kept")?.token == kept.token)
        unlink(ballast)
        let later = try #require(try await engine.tryAcquire("later", owner: "a", for: .seconds(600)).lease)
        #expect(later.token > granted.last?.token ?? kept.token)
        await engine.close()
        let again = SQLiteLeaseEngine.sqlite(path: path)
        for lease in [kept, later] + granted {
            #expect(try await again.inspect(lease.name)?.token == lease.token)
        }
        await again.close()
    }

    @Test func `a disk that is mounted read-only is named`() async throws {
        guard let disk = try SmallDisk() else { return }
        let path = disk.path + "/colony.db"
        let engine = SQLiteLeaseEngine.sqlite(path: path)
        _ = try await engine.tryAcquire("job", owner: "a", for: .seconds(600))
        await engine.close()
        #expect(disk.remount(readOnly: true))
        let other = SQLiteLeaseEngine.sqlite(path: path)
        let error = await #expect(throws: LeaseError.self) {
            _ = try await other.tryAcquire("job", owner: "b", for: .seconds(60))
        }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains(path) == true)
        #expect(disk.remount(readOnly: false))
        #expect(try await other.inspect("job")?.owner == "a")
        await other.close()
    }
}
#endif
