using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace XeSvm.Interop.Tests.Abi;

/// <summary>A C header of the xe uAPI, and the program of static assertions that holds the managed structs against it.</summary>
internal sealed partial class UapiHeader
{
    /// <summary>The variable that names a folder (with drm/xe_drm.h or xe_drm.h in it) or the header itself.</summary>
    public const string EnvironmentVariable = "XESVM_UAPI_INCLUDE";

    private readonly string _text;

    public UapiHeader(string path)
    {
        Path = path;
        _text = Comments().Replace(File.ReadAllText(path), string.Empty);
    }

    public string Path { get; }

    /// <summary>
    /// The header of the variable, else of the kernel's package (drm/), else libdrm's copy (libdrm/); null when there is none.
    /// </summary>
    /// <exception cref="FileNotFoundException">The variable names a place without the header.</exception>
    public static string? Find(string? variable, IEnumerable<string> includeFolders)
    {
        if (!string.IsNullOrEmpty(variable))
        {
            return Candidates(variable).Prepend(variable).FirstOrDefault(File.Exists)
                ?? throw new FileNotFoundException($"{EnvironmentVariable} is '{variable}', where there is no xe_drm.h.");
        }

        return includeFolders.SelectMany(Candidates).FirstOrDefault(File.Exists);
    }

    /// <summary>The program: what the header lacks, being older, is counted, not asserted.</summary>
    public (string Program, int Assertions, int Absent) WriteProgram()
    {
        // By its path: a header of the same name elsewhere on the compiler's own path must not take its place.
        StringBuilder program = new($"#include <stddef.h>\n#include \"{System.IO.Path.GetFullPath(Path)}\"\n");
        int assertions = 0;
        int absent = 0;
        AssertStructs(program, ref assertions, ref absent);
        HashSet<string> words = [.. Words().Matches(_text).Select(word => word.Value)];
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

    /// <summary>Whether the compiler accepts a program; what it says otherwise.</summary>
    public static bool Compiles(string program, out string errors) => TryRun("-std=c11 -fsyntax-only -x c -", program, out errors);

    /// <summary>Whether there is a C compiler.</summary>
    public static bool HasCompiler() => TryRun("--version", string.Empty, out _);

    private static IEnumerable<string> Candidates(string folder) =>
        ((string[])["drm", "libdrm", "."]).Select(part => System.IO.Path.Combine(folder, part, "xe_drm.h"));

    private void AssertStructs(StringBuilder program, ref int assertions, ref int absent)
    {
        foreach (AbiStruct item in KernelAbi.Load().Structs.Where(item => item.Name.Contains("xe_", StringComparison.Ordinal)))
        {
            Match body = Regex.Match(_text, $@"^struct {item.Name} \{{(.*?)^\}};", RegexOptions.Multiline | RegexOptions.Singleline);
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
                string first = field.Name.Split('.')[0];
                if (!Words().Matches(body.Groups[1].Value).Any(word => word.Value == first))
                {
                    absent++;
                    continue;
                }

                Require(program, $"offsetof(struct {item.Name}, {field.Name}) == {field.Offset}");
                Require(program, $"sizeof(((struct {item.Name} *)0)->{field.Name}) == {field.Size}");
                assertions += 2;
            }
        }
    }

    private static void Require(StringBuilder program, string condition) =>
        program.AppendLine(CultureInfo.InvariantCulture, $"_Static_assert({condition}, \"{condition}\");");

    private static bool TryRun(string arguments, string input, out string errors)
    {
        ProcessStartInfo start = new("cc", arguments)
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
