import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Foundation
import Testing

/// What becomes of confirmed messages when a disk gives back other bits than were written: what docs/embedded-engine.md says of it.
@Suite("A disk that changes bits", .timeLimit(.minutes(3)))
struct QueueBitFlipTests {
    private static let (batches, size) = (40, 5)

    private static func engine(_ folder: TemporaryFolder) -> SQLiteQueueEngine {
        SQLiteQueueEngine(path: folder.store, boot: BootIdentity("boot-2"), registry: StoreRegistry())
    }

    private static func body(_ batch: Int, _ number: Int) -> [UInt8] {
        Array("batch \(batch), number \(number): ".utf8) + [UInt8](repeating: UInt8(batch + 1), count: 900)
    }

    private static let all = (0..<Self.batches).flatMap { batch in (0..<Self.size).map { Self.body(batch, $0) } }

    /// The files as a killed process leaves them with everything in the log, and as a clean end leaves them without a log.
    private static func files() async throws -> (killed: DiskFiles, closed: DiskFiles) {
        let folder = try TemporaryFolder(inMemory: true)
        let trace = try TracedDisk.trace(folder)
        let engine = SQLiteQueueEngine(
            path: folder.store, boot: BootIdentity("boot-1"), registry: StoreRegistry())
        try await engine.declare("work", QueueSettings())
        for batch in 0..<Self.batches {
            _ = try await engine.publish((0..<Self.size).map { OutgoingMessage(Self.body(batch, $0)) }, to: "work")
        }
        var replay = DiskReplay(seed: 1)
        for event in trace.events { replay.follow(event) }
        let killed = replay.written
        let count = trace.events.count
        await engine.close()
        TracedDisk.forget(trace)
        for event in trace.events.dropFirst(count) { replay.follow(event) }
        return (killed, replay.written)
    }

    /// What a program finds in these files: the bodies in their order, or the error that it is told.
    private static func read(_ files: DiskFiles) async throws -> Result<[[UInt8]], QueueError> {
        let folder = try TemporaryFolder(inMemory: true)
        try files.store(in: folder)
        let engine = Self.engine(folder)
        let result: Result<[[UInt8]], QueueError>
        do throws(QueueError) {
            let isThere = try await engine.inspect("work") != nil
            result = .success(
                isThere ? try await engine.receive(1_000, from: "work", lease: .seconds(60)).map(\.body) : [])
        } catch {
            result = .failure(error)
        }
        await engine.close()
        return result
    }

    private static func flipped(_ files: DiskFiles, _ file: String, _ offset: Int, _ bit: Int) -> DiskFiles {
        var files = files
        let byte = (files.contents[file] ?? [])[offset] ^ UInt8(1 << bit)
        files.write(file, offset, [byte][...])
        return files
    }

    @Test("in the log: what was committed before is whole, and what comes after is gone without an error")
    func log() async throws {
        let files = try await Self.files().killed
        let log = try #require(files.contents["colony.db-wal"])
        #expect(try await Self.read(files).get() == Self.all)
        var random = SeededGenerator(seed: 11)
        var cut: [Int] = []
        for number in 0..<60 {
            // A frame is a header of 24 bytes and a page; the log has a header of 32.
            let offset = number == 0 ? 20 : Int.random(in: 32..<log.count, using: &random)
            let found = try await Self.read(
                Self.flipped(files, "colony.db-wal", offset, Int.random(in: 0..<8, using: &random))
            ).get()
            #expect(found.count % Self.size == 0, "a batch is whole or not there, not \(found.count) messages")
            #expect(found == Array(Self.all.prefix(found.count)), "offset \(offset): something else than was published")
            if found.count < Self.all.count { cut.append(found.count) }
        }
        // Checksums of frames are carried on, so one bit ends the log: messages are lost that were confirmed.
        #expect(cut.count > 50)
        #expect(cut.contains(0) && cut.contains { $0 > Self.all.count / 2 }, "\(cut)")
    }

    @Test("in the database: a body comes with other bytes and without an error, for pages have no checksum")
    func body() async throws {
        let files = try await Self.files().closed
        #expect((files.contents["colony.db-wal"] ?? []).isEmpty)
        #expect(try await Self.read(files).get() == Self.all)
        let database = try #require(files.contents["colony.db"])
        let text = Array("batch 17, number 3: ".utf8)
        let place = try #require(Data(database).firstRange(of: Data(text))?.lowerBound)
        let found = try await Self.read(Self.flipped(files, "colony.db", place + text.count + 100, 2)).get()
        var expected = Self.all
        expected[17 * Self.size + 3][text.count + 100] ^= 4
        #expect(found == expected)
    }

    @Test(
        "in the database: a page that cannot be one is an error that names the file, and nothing is delivered from it")
    func structure() async throws {
        let files = try await Self.files().closed
        let database = try #require(files.contents["colony.db"])
        var (told, unharmed) = (0, 0)
        for page in 1..<database.count / 4_096 {
            // The first byte of a page says what it is.
            switch try await Self.read(Self.flipped(files, "colony.db", page * 4_096, 4)) {
            case .failure(let error):
                #expect(error.code == .storageFailed && error.message.contains("colony.db"), "\(error)")
                told += 1
            case .success(let found):
                #expect(found == Self.all, "page \(page)")
                unharmed += 1
            }
        }
        // Those of other ports are not looked at; those of messages are.
        #expect(told > 30, "\(told) were told, and \(unharmed) did no harm")
    }
}
