public import ColonyCoordination
public import ColonyCore
import Synchronization

extension MemoryLeaseEngine: PermitAdministration {
    /// Names of which permits are held or claimed now, page by page in byte order.
    public func permitRecords(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [PermitRecord] {
        try Self.check(page: limit)
        let (now, books) = self.state.withLock { (self.clock.now, $0.permits) }
        var records: [PermitRecord] = []
        for key in Self.page(of: books.keys, withPrefix: prefix, after: name) where records.count < limit {
            guard var book = books[key] else { continue }
            book.sweep(at: now)
            if !book.isEmpty { records.append(book.record(key, at: now)) }
        }
        return records
    }

    /// Refuses a page that is out of range.
    static func check(page limit: Int) throws(LeaseError) {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(
                .invalidRequest, "a page of \(limit) names is not possible: from 1 to \(LeaseLimits.batch)")
        }
    }

    /// The names with a prefix after one of them, in byte order.
    static func page(
        of names: some Sequence<LeaseName>, withPrefix prefix: String, after name: LeaseName?
    ) -> [LeaseName] {
        names.filter { entry in
            entry.rawValue.utf8.starts(with: prefix.utf8) && (name.map { entry > $0 } ?? true)
        }
        .sorted()
    }
}
