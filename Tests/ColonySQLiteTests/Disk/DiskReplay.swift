import ColonySimulation
import Foundation

/// The contents of the files of a store, by their names in the folder.
struct DiskFiles {
    private(set) var contents: [String: [UInt8]] = [:]

    mutating func make(_ file: String) {
        if self.contents[file] == nil { self.contents[file] = [] }
    }

    mutating func write(_ file: String, _ offset: Int, _ bytes: ArraySlice<UInt8>) {
        // Taken out, so that it is changed in place.
        var content = self.contents.removeValue(forKey: file) ?? []
        if content.count < offset + bytes.count {
            content.append(contentsOf: [UInt8](repeating: 0, count: offset + bytes.count - content.count))
        }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        self.contents[file] = content
    }

    mutating func truncate(_ file: String, _ size: Int) {
        guard var content = self.contents.removeValue(forKey: file) else { return }
        content.removeLast(max(0, content.count - size))
        self.contents[file] = content
    }

    mutating func delete(_ file: String) { self.contents[file] = nil }

    /// Writes the files into a folder.
    func store(in folder: TemporaryFolder) throws {
        for (name, bytes) in self.contents {
            try Data(bytes).write(to: URL(fileURLWithPath: folder.path(of: name)))
        }
    }
}

/// Follows a trace, and says at each place what a crash there would leave.
///
/// Names in the folder are taken to arrive at once: SQLite syncs the folder when it makes a log.
struct DiskReplay {
    private enum Change {
        case write(file: String, offset: Int, bytes: ArraySlice<UInt8>)
        case truncate(file: String, size: Int)

        var file: String {
            switch self {
            case .write(let file, _, _), .truncate(let file, _): file
            }
        }
    }

    private static let sector = 512

    /// What is left when the process is killed: all that it had written, because the page cache outlives it.
    private(set) var written = DiskFiles()
    private var synced = DiskFiles()
    private var pending: [Change] = []
    private var random: SeededGenerator

    init(seed: Seed) {
        self.random = SeededGenerator(seed: seed)
    }

    /// What is left when the power fails: what was synced, and of the rest whatever chance says.
    ///
    /// - Parameter share: Which part of the rest has arrived, from 0 to 1.
    mutating func afterPowerCut(keeping share: Double) -> DiskFiles {
        var files = self.synced
        for change in self.pending where Double.random(in: 0..<1, using: &self.random) < share {
            Self.apply(change, to: &files)
        }
        return files
    }

    mutating func follow(_ event: DiskTrace.Event) {
        switch event {
        case .write(let file, let offset, let bytes):
            self.written.write(file, Int(offset), bytes[...])
            self.synced.make(file)
            // Sectors arrive whole, writes do not.
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + Self.sector - (Int(offset) + start) % Self.sector)
                self.pending.append(.write(file: file, offset: Int(offset) + start, bytes: bytes[start..<end]))
                start = end
            }
        case .truncate(let file, let size):
            self.written.truncate(file, Int(size))
            self.pending.append(.truncate(file: file, size: Int(size)))
        case .sync(let file): self.settle(file, keeping: 1)
        // The kernel has given the pages up as clean: what has not arrived by now never will.
        case .failedSync(let file): self.settle(file, keeping: 0.5)
        case .delete(let file):
            self.written.delete(file)
            self.synced.delete(file)
            self.pending.removeAll { $0.file == file }
        case .mark: break
        }
    }

    private mutating func settle(_ file: String, keeping share: Double) {
        for change in self.pending where change.file == file {
            if share < 1, Double.random(in: 0..<1, using: &self.random) >= share { continue }
            Self.apply(change, to: &self.synced)
        }
        self.pending.removeAll { $0.file == file }
    }

    private static func apply(_ change: Change, to files: inout DiskFiles) {
        switch change {
        case .write(let file, let offset, let bytes): files.write(file, offset, bytes)
        case .truncate(let file, let size): files.truncate(file, size)
        }
    }
}
