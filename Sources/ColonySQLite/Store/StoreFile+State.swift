/// The one row that every transaction reads first.
extension StoreFile {
    private static let selectState = SQL("SELECT boot, number FROM colony WHERE id = 1")

    /// The counter of the file, after making sure that the file is still that of this boot of this host.
    func checkedNumber(on connection: Connection) throws(StoreError) -> Int64 {
        let statement = try connection.prepared(Self.selectState)
        defer { statement.reset() }
        guard try statement.step() else {
            throw StoreError(.failed, "the store \"\(self.path)\" has lost its state; restore it from a copy")
        }
        guard statement.text(0, equals: self.boot.text) else {
            throw StoreError(
                .otherHost,
                "the store \"\(self.path)\" is in use by another host, which opened it after this one; an "
                    + "embedded store serves the processes of one host: give each host a file of its own, "
                    + "or use a daemon"
            )
        }
        return statement.integer(1)
    }
}
