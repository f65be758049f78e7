import ColonyCluster
import ColonyCore
import ColonySimulation

extension Electorate {
    /// Writes a record down: a new file, synced, renamed, and the folder synced. Of those that wait the last one is written.
    mutating func persist(_ record: VoteRecord, at number: Int) throws {
        self.nodes[number].waiting = record
        if self.flaw == .answersBeforeTheDisk {
            // The nodes acts as if the disk had it, and the disk gets it later, or never.
            try self.act(on: number) { $0.persisted(record.revision, at: $1) }
        }
        if self.nodes[number].writing == nil { self.beginWriting(at: number) }
    }

    private mutating func beginWriting(at number: Int) {
        guard let record = self.nodes[number].waiting else { return }
        self.nodes[number].waiting = nil
        self.nodes[number].writing = record
        self.nodes[number].disk.write(record.encoded(), to: Self.newFileName)
        self.schedule(.contentIsSynced, of: number)
    }

    private mutating func schedule(_ step: DiskStep, of number: Int) {
        let time = self.draw(self.nodes[number].diskTime, &self.generator)
        self.agenda.add(.disk(number, life: self.nodes[number].life, step), at: self.now.advanced(by: time))
    }

    mutating func advanceDisk(of number: Int, _ step: DiskStep) throws {
        switch step {
        case .contentIsSynced:
            if self.flaw != .renamesBeforeSync { self.nodes[number].disk.sync(Self.newFileName) }
            self.nodes[number].disk.rename(Self.newFileName, to: Self.fileName)
            self.schedule(.folderIsSynced, of: number)
        case .folderIsSynced:
            self.nodes[number].disk.syncFolder()
            guard let record = self.nodes[number].writing else { return }
            self.nodes[number].writing = nil
            self.ledger.note(durable: record, of: number)
            try self.ledger.checkSets(at: self.now)
            try self.act(on: number) { $0.persisted(record.revision, at: $1) }
            if self.nodes[number].writing == nil { self.beginWriting(at: number) }
        }
    }
}
