import ColonyCore

extension SwitchID {
    /// What is wrong with the name of a switch, as a sentence that quotes it.
    static func defect(in name: String) -> String? {
        let defect =
            name.utf8.count > Self.maximumNameBytes
            ? "it has \(name.utf8.count) bytes, and \(Self.maximumNameBytes) are the most" : NameRules.defect(in: name)
        return defect.map { "\(Self.quoted(name)) cannot be the name of a switch: \($0)" }
    }

    static func quoted(_ text: String) -> String { NameRules.quoted(text) }
}
