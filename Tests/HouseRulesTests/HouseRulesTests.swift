import Foundation
import Testing

@Suite("House rules")
struct HouseRulesTests {
    static let rules = Rule.imports + Rule.hygiene + Rule.shape

    @Test("each rule sees what breaks it", arguments: rules)
    func seesBreaches(rule: Rule) {
        #expect(!rule.broken.isEmpty, "a rule without a counter-example may be one that never fails")
        for example in rule.broken {
            #expect(!rule.breaches(example.file).isEmpty, "not seen in \(example.path): \(example.text)")
        }
    }

    @Test("each rule lets pass what only looks like a breach", arguments: rules)
    func acceptsLookalikes(rule: Rule) {
        for example in rule.kept {
            let breaches = rule.breaches(example.file)
            #expect(breaches.isEmpty, "wrongly seen in \(example.path): \(breaches)")
        }
    }

    @Test("the repository keeps each rule", arguments: rules)
    func holds(rule: Rule) throws {
        let files = try Repository.swiftFiles()
        #expect(files.count > 20, "only \(files.count) Swift files were found under \(Repository.root)")
        for file in files {
            for breach in rule.breaches(file) {
                Issue.record("\(file.path):\(breach.line): \(breach.defect). \(rule.statement)")
            }
        }
    }

    @Test("every target has the settings of the house")
    func targetsHaveSettings() throws {
        let manifest = SourceFile(path: "Package.swift", text: try Repository.text(of: "Package.swift"))
        #expect(PackageRules.targetsWithoutSettings(in: manifest) == [])
        let bad = SourceFile(
            path: "Package.swift",
            text: """
                let a = [
                    .target(name: "ColonyCore"),
                    .target(name: "ColonyMemory", dependencies: ["ColonyCore"], swiftSettings: settings),
                ]
                """)
        #expect(PackageRules.targetsWithoutSettings(in: bad) == ["ColonyCore"])
    }

    @Test("an example uses what its readers can use")
    func examplesArePublic() throws {
        let manifest = SourceFile(path: "Package.swift", text: try Repository.text(of: "Package.swift"))
        #expect(PackageRules.privilegedExamples(in: manifest) == [])
        let bad = SourceFile(
            path: "Package.swift",
            text: """
                .executableTarget(name: "good", path: "Examples/Good", packageAccess: false, swiftSettings: settings),
                .executableTarget(name: "bad", path: "Examples/Bad", swiftSettings: settings),
                .executableTarget(name: "probe", path: "Tests/probe", swiftSettings: settings),
                """)
        #expect(PackageRules.privilegedExamples(in: bad) == ["bad"])
    }

    @Test("every test target is run by dev/test, which runs them in groups")
    func testTargetsAreRun() throws {
        let manifest = SourceFile(path: "Package.swift", text: try Repository.text(of: "Package.swift"))
        let targets = PackageRules.testTargets(in: manifest)
        #expect(targets.contains("HouseRulesTests"))
        let script = try Repository.text(of: "dev/test")
        for target in targets {
            #expect(script.contains(target), "dev/test has no group that runs \(target)")
        }
        let other = SourceFile(path: "Package.swift", text: "[.testTarget(\n    name: \"NewTests\", dependencies: [])]")
        #expect(PackageRules.testTargets(in: other) == ["NewTests"])
    }

    @Test("the Swift code of the README is a snippet that is built")
    func readmeCodeIsBuilt() throws {
        let blocks = Markdown.blocks(ofLanguage: "swift", in: try Repository.text(of: "README.md"))
        #expect(!blocks.isEmpty, "the README shows no Swift code")
        let snippets = try Repository.swiftFiles().filter { $0.path.hasPrefix("Snippets/") }
        for block in blocks {
            let isBuilt = snippets.contains { Markdown.contains($0.lines, block) }
            #expect(isBuilt, "no file in Snippets/ holds these lines of the README:\n\(block.joined(separator: "\n"))")
        }
    }

    @Test("the search for README code does not find what is not there")
    func readmeSearchCanFail() {
        let text = "```swift\nlet a = 1\nlet b = 2\n```\n```sh\nls\n```"
        #expect(Markdown.blocks(ofLanguage: "swift", in: text) == [["let a = 1", "let b = 2"]])
        #expect(Markdown.contains(["x", "    let a = 1", "    let b = 2"], ["let a = 1", "let b = 2"]))
        #expect(!Markdown.contains(["let a = 1", "let c = 3"], ["let a = 1", "let b = 2"]))
    }

    @Test("every library has a documentation catalogue")
    func catalogues() throws {
        let sources = Repository.root.appending(path: "Sources")
        let targets = try FileManager.default.contentsOfDirectory(atPath: sources.path)
        for library in targets.sorted() where library.hasPrefix("Colony") {
            let path = "\(library)/Documentation.docc/\(library).md"
            #expect(
                FileManager.default.fileExists(atPath: sources.appending(path: path).path), "Sources/\(path) is missing"
            )
        }
    }

    @Test("links between the documents lead somewhere")
    func documentLinks() throws {
        for (path, text) in try Repository.documents() {
            let folder = Repository.root.appending(path: path).deletingLastPathComponent()
            for link in Markdown.localLinks(in: text) {
                let target = folder.appending(path: link).standardizedFileURL
                let isThere = FileManager.default.fileExists(atPath: target.path)
                #expect(isThere, "\(path) links to \(link), which is not there")
            }
        }
        #expect(Markdown.localLinks(in: "[a](b.md#c) [d](https://e) [f](#g)") == ["b.md"])
    }
}
