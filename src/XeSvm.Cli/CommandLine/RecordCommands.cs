using System.CommandLine;
using XeSvm.Cli.Execution;
using XeSvm.Measurement;

namespace XeSvm.Cli.CommandLine;

/// <summary>The commands that make, compare and draw run records.</summary>
internal static class RecordCommands
{
    /// <summary><c>record</c>: measures, and keeps the record under a name.</summary>
    internal static Command Record(CliConsole console, CancellationToken cancellation)
    {
        Command command = new(
            "record",
            "Measures as 'measure' does and keeps the record under a name, for 'compare': before and after a new kernel, another IOMMU mode, on " +
            "another machine.");
        Argument<string> name = new("name") { Description = "The record's name: NAME.json in this folder; or the path of a file that ends in .json." };
        name.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: { } value }] && !RunRecordFiles.IsName(value))
            {
                result.AddError($"'{value}' is no name of a record; valid: at least one character that is no blank, and no control characters.");
            }
        });
        Option<bool> replace = new("--replace") { Description = "Replaces a record that is there already." };
        MeasureOptions options = new();
        command.Arguments.Add(name);
        command.Options.Add(replace);
        options.AddTo(command, name);
        command.SetAction(parsed => RecordExecution.Run(
            options.RequestOf(parsed), parsed.GetRequiredValue(name), parsed.GetValue(replace), console, cancellation));
        return command;
    }

    /// <summary><c>compare</c>: records side by side.</summary>
    internal static Command Compare(CliConsole console)
    {
        Command command = new(
            "compare",
            "Puts records side by side: what differs between the runs, the cover letter's figures, exact counts, times, and whether a difference " +
            "of times is more than chance. The first record is what the others are held against.");
        Argument<string[]> records = Records(2);
        Option<bool> force = new("--force")
        {
            Description = "Compares cases that are unlike too (size, page layout, backend, cause, clock, pages), and labels them.",
        };
        Option<bool> json = Options.JsonToOutput();
        Option<string?> html = Html(required: false);
        command.Arguments.Add(records);
        command.Options.Add(force);
        command.Options.Add(json);
        command.Options.Add(html);
        command.SetAction(parsed => CompareExecution.Run(
            parsed.GetRequiredValue(records), parsed.GetValue(force), parsed.GetValue(json), parsed.GetValue(html), console));
        return command;
    }

    /// <summary><c>report</c>: records as a page.</summary>
    internal static Command Report(CliConsole console)
    {
        Command command = new("report", "Draws records as one page for a browser that needs no network.");
        Argument<string[]> records = Records(1);
        Option<string?> html = Html(required: true);
        command.Arguments.Add(records);
        command.Options.Add(html);
        command.SetAction(parsed => ReportExecution.Run(parsed.GetRequiredValue(records), parsed.GetValue(html)!, console));
        return command;
    }

    /// <summary><c>schema</c>: the published form of records.</summary>
    internal static Command Schema(CliConsole console)
    {
        Command command = new("schema", "Prints the JSON schema of run records.");
        Argument<string> name = new("name")
        {
            Description = $"{string.Join(" or ", RunRecordSchema.Names)}. Default: {RunRecord.CurrentSchema}, which this version writes.",
            DefaultValueFactory = _ => RunRecord.CurrentSchema,
        };
        name.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: { } value }] && RunRecordSchema.Find(value) is null)
            {
                result.AddError($"'{value}' is not a schema of this version; valid: {string.Join(", ", RunRecordSchema.Names)}.");
            }
        });
        command.Arguments.Add(name);
        command.SetAction(parsed =>
        {
            console.Output.Write(RunRecordSchema.Find(parsed.GetRequiredValue(name)));
            return ExitCode.Success;
        });
        return command;
    }

    private static Argument<string[]> Records(int least) => new("records")
    {
        Description = "Records: names that 'record' was given, or files.",
        Arity = new ArgumentArity(least, 16),
    };

    private static Option<string?> Html(bool required) => new("--html")
    {
        Description = "Writes a page for a browser: one file that needs no network.",
        HelpName = "FILE",
        Required = required,
    };
}
