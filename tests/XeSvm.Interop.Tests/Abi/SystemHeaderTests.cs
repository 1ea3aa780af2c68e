using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Xunit.Abstractions;

namespace XeSvm.Interop.Tests.Abi;

/// <summary>
/// Has the C compiler compare the managed structs with the machine's own drm/xe_drm.h. That header may be older than the one that
/// the structs were taken from: what it lacks is counted, not failed.
/// </summary>
public sealed partial class SystemHeaderTests(ITestOutputHelper output)
{
    private static readonly string[] _folders = ["/usr/include", "/usr/local/include"];

    [SkippableFact]
    public void The_structs_agree_with_the_header_of_this_machine()
    {
        string? folder = Environment.GetEnvironmentVariable("XESVM_UAPI_INCLUDE")
            ?? _folders.FirstOrDefault(candidate => File.Exists(Path.Combine(candidate, "drm", "xe_drm.h")));
        Skip.If(folder is null, "No drm/xe_drm.h on this machine (package linux-libc-dev of Linux 6.8 or later, or XESVM_UAPI_INCLUDE).");
        Skip.IfNot(TryRun("cc", "--version", string.Empty, out _), "No C compiler (cc) on this machine.");

        string header = Comments().Replace(File.ReadAllText(Path.Combine(folder, "drm", "xe_drm.h")), string.Empty);
        (string program, int assertions, int absent) = WriteProgram(header);
        bool compiled = TryRun("cc", $"-std=c11 -fsyntax-only -I{folder} -x c -", program, out string errors);

        Assert.True(compiled, errors);
        Assert.NotEqual(0, assertions);
        output.WriteLine($"{assertions} static assertions hold against {folder}/drm/xe_drm.h; {absent} things are not in that header.");
    }

    private static (string Program, int Assertions, int Absent) WriteProgram(string header)
    {
        StringBuilder program = new("#include <stddef.h>\n#include <drm/xe_drm.h>\n");
        int assertions = 0;
        int absent = 0;
        foreach (AbiStruct item in KernelAbi.Load().Structs.Where(item => item.Name.Contains("xe_", StringComparison.Ordinal)))
        {
            Match body = Regex.Match(header, $@"^struct {item.Name} \{{(.*?)^\}};", RegexOptions.Multiline | RegexOptions.Singleline);
            if (!body.Success)
            {
                absent++;
                continue;
            }

            Type type = typeof(Uapi.DrmXe).Assembly.GetType($"{typeof(Uapi.DrmXe).Namespace}.{item.Name}", throwOnError: true)!;
            Require(program, $"sizeof(struct {item.Name}) == {ManagedLayout.SizeOf(type)}");
            assertions++;
            foreach (AbiField field in ManagedLayout.FieldsOf(type))
            {
                string[] parts = field.Name.Split('.');
                if (!Words().Matches(body.Groups[1].Value).Any(word => word.Value == parts[0]))
                {
                    absent++;
                    continue;
                }

                Require(program, $"offsetof(struct {item.Name}, {field.Name}) == {field.Offset}");
                Require(program, $"sizeof(((struct {item.Name} *)0)->{field.Name}) == {field.Size}");
                assertions += 2;
            }
        }

        HashSet<string> words = [.. Words().Matches(header).Select(word => word.Value)];
        foreach ((string name, ulong value) in KernelAbi.Load().XeConstants)
        {
            if (!words.Contains(name))
            {
                absent++;
                continue;
            }

            string mask = value > uint.MaxValue ? string.Empty : " & 0xffffffffull";
            Require(program, string.Create(CultureInfo.InvariantCulture, $"((unsigned long long)({name}){mask}) == 0x{value:x}ull"));
            assertions++;
        }

        return (program.ToString(), assertions, absent);
    }

    private static void Require(StringBuilder program, string condition) =>
        program.AppendLine(CultureInfo.InvariantCulture, $"_Static_assert({condition}, \"{condition}\");");

    private static bool TryRun(string command, string arguments, string input, out string errors)
    {
        ProcessStartInfo start = new(command, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> standardError = process.StandardError.ReadToEndAsync();
            Task<string> standardOutput = process.StandardOutput.ReadToEndAsync();
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            process.WaitForExit();
            errors = standardError.Result + standardOutput.Result;
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            errors = exception.Message;
            return false;
        }
    }

    // What a comment mentions need not be defined.
    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Words();
}
