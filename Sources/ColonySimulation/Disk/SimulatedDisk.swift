/// A disk that keeps what was synced, and of the rest what chance leaves, as a value.
///
/// ```swift
/// var disk = SimulatedDisk(seed: seed)
/// disk.write(bytes, to: "votes.new")
/// disk.sync("votes.new")
/// disk.rename("votes.new", to: "votes")
/// disk.syncFolder()          // without this a crash may bring back the old file, and without `sync` a torn one
/// disk.crash()
/// ```
///
/// A running program reads what it wrote. After a crash a file that was not synced has any mixture of its old and its new sectors, and any of the two
/// lengths; of the files that were made, renamed, and removed since the folder was synced the first few are, and the rest are not. That is what file
/// systems with an ordered journal of names do; some do worse.
///
/// - Complexity: O(1) for each call, and O(*n*) in the bytes of files that were not synced for a crash.
/// - SeeAlso: T. S. Pillai et al., *All File Systems Are Not Created Equal: On the Complexity of Crafting Crash-Consistent Applications*,
///   OSDI 2014.
public struct SimulatedDisk: Sendable {
    /// What is torn is torn between two of these.
    public static let sectorBytes = 512

    private struct File: Sendable {
        var synced: [UInt8] = []
        var content: [UInt8] = []
        var isSynced = true
    }

    private enum FolderChange: Sendable {
        case make(String, Int)
        case rename(String, String)
        case remove(String)
    }

    private var generator: SeededGenerator
    private var files: [Int: File] = [:]
    private var next = 0
    private var names: [String: Int] = [:]
    private var syncedNames: [String: Int] = [:]
    private var changes: [FolderChange] = []

    /// How many crashes left something other than what was written last.
    public private(set) var losses = 0

    /// Makes a disk with nothing on it.
    public init(seed: Seed) {
        self.generator = SeededGenerator(seed: seed)
    }

    // MARK: Files

    /// The content of a file, as the running program sees it; `nil` if there is none.
    public func read(_ name: String) -> [UInt8]? { self.names[name].flatMap { self.files[$0]?.content } }

    /// Replaces the content of a file, or makes one.
    public mutating func write(_ bytes: [UInt8], to name: String) {
        let number = self.number(of: name)
        self.files[number]?.content = bytes
        self.files[number]?.isSynced = false
    }

    /// Adds to the end of a file, or makes one.
    public mutating func append(_ bytes: [UInt8], to name: String) {
        let number = self.number(of: name)
        self.files[number]?.content.append(contentsOf: bytes)
        self.files[number]?.isSynced = false
    }

    /// The content of a file survives a crash from here on; whether its name does is another matter.
    public mutating func sync(_ name: String) {
        guard let number = self.names[name], let content = self.files[number]?.content else { return }
        self.files[number]?.synced = content
        self.files[number]?.isSynced = true
    }

    private mutating func number(of name: String) -> Int {
        if let number = self.names[name] { return number }
        self.next += 1
        self.names[name] = self.next
        self.files[self.next] = File()
        self.changes.append(.make(name, self.next))
        return self.next
    }

    // MARK: Names

    /// Gives a file another name, in place of the file that has it.
    public mutating func rename(_ name: String, to other: String) {
        guard self.names[name] != nil else { return }
        self.apply(.rename(name, other))
    }

    /// Removes a file.
    public mutating func remove(_ name: String) {
        guard self.names[name] != nil else { return }
        self.apply(.remove(name))
    }

    private mutating func apply(_ change: FolderChange) {
        Self.apply(change, to: &self.names)
        self.changes.append(change)
    }

    private static func apply(_ change: FolderChange, to names: inout [String: Int]) {
        switch change {
        case .make(let name, let number): names[name] = number
        case .rename(let name, let other): names[other] = names.removeValue(forKey: name)
        case .remove(let name): names[name] = nil
        }
    }

    /// What was made, renamed, and removed stays so after a crash.
    public mutating func syncFolder() {
        self.syncedNames = self.names
        self.changes = []
        self.dropUnnamed()
    }

    private mutating func dropUnnamed() {
        guard self.files.count > self.names.count else { return }
        let named = Set(self.names.values).union(self.syncedNames.values)
        self.files = self.files.filter { named.contains($0.key) }
    }

    // MARK: Crashing

    /// The power fails. What the disk has now is what the next start finds.
    public mutating func crash() {
        let kept = self.changes.isEmpty ? 0 : Int.random(in: 0...self.changes.count, using: &self.generator)
        var hasLost = kept < self.changes.count
        for change in self.changes.prefix(kept) { Self.apply(change, to: &self.syncedNames) }
        self.changes = []
        self.names = self.syncedNames
        // In an order of its own, because a dictionary has another one in each process.
        for number in self.files.keys.sorted() {
            guard var file = self.files[number], !file.isSynced else { continue }
            let content = self.torn(from: file.synced, to: file.content)
            hasLost = hasLost || content != file.content
            file.content = content
            file.synced = content
            file.isSynced = true
            self.files[number] = file
        }
        self.dropUnnamed()
        if hasLost { self.losses += 1 }
    }

    private mutating func torn(from old: [UInt8], to new: [UInt8]) -> [UInt8] {
        let count = self.generator.happens(withProbability: 0.5) ? old.count : new.count
        var result = [UInt8](repeating: 0, count: count)
        var place = 0
        while place < count {
            let end = min(place + Self.sectorBytes, count)
            let source = self.generator.happens(withProbability: 0.5) ? old : new
            for index in place..<end where index < source.count { result[index] = source[index] }
            place = end
        }
        return result
    }
}
