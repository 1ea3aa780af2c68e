namespace XeSvm.Daemon.Install;

/// <summary>Puts the daemon into a file system and takes it away again; starts and stops nothing.</summary>
internal static class Installer
{
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const string ProgramName = "xesvmd";
    private static readonly string[] s_ownFolders = ["/usr/share/xesvmd", "/etc/xesvmd"];

    internal static int Run(string verb, IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        string root = "/";
        bool purge = false;
        for (int index = 0; index < arguments.Count; index++)
        {
            switch (arguments[index])
            {
                case "--root" when index + 1 < arguments.Count && arguments[index + 1].Length > 0:
                    root = Path.GetFullPath(arguments[++index]);
                    break;
                case "--purge" when verb == "uninstall":
                    purge = true;
                    break;
                default:
                    error.WriteLine($"xesvmd {verb}: '{arguments[index]}' is not understood; --root DIRECTORY{(verb == "uninstall" ? " and --purge are" : " is")} valid.");
                    return XesvmdProgram.Usage;
            }
        }

        try
        {
            if (verb == "install")
            {
                Install(root, output);
            }
            else
            {
                Uninstall(root, purge, output);
            }

            return XesvmdProgram.Success;
        }
        catch (UnauthorizedAccessException exception)
        {
            error.WriteLine($"xesvmd {verb}: {exception.Message} Run it as root, or give another --root.");
            return XesvmdProgram.Failed;
        }
    }

    private static void Install(string root, TextWriter output)
    {
        string program = Inside(root, InstalledFile.ProgramFolder);
        CopyFolder(AppContext.BaseDirectory, program);
        output.WriteLine(program);
        string link = Inside(root, InstalledFile.ProgramLink);
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.Delete(link);
        File.CreateSymbolicLink(link, $"{InstalledFile.ProgramFolder}/{ProgramName}");
        output.WriteLine(link);
        foreach (InstalledFile file in InstalledFile.All)
        {
            string path = Inside(root, file.Path);
            if (file.IsConfiguration && File.Exists(path))
            {
                output.WriteLine($"{path} (kept)");
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Resources.Read(file.Resource));
            File.SetUnixFileMode(path, ReadableByAll);
            output.WriteLine(path);
        }

        output.WriteLine("Then: systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload; systemctl enable --now xesvmd");
    }

    private static void Uninstall(string root, bool purge, TextWriter output)
    {
        foreach (InstalledFile file in InstalledFile.All.Where(file => purge || !file.IsConfiguration))
        {
            Remove(Inside(root, file.Path), output);
        }

        Remove(Inside(root, InstalledFile.ProgramLink), output);
        string program = Inside(root, InstalledFile.ProgramFolder);
        if (Directory.Exists(program))
        {
            Directory.Delete(program, recursive: true);
            output.WriteLine($"removed {program}");
        }

        foreach (string folder in s_ownFolders.Select(path => Inside(root, path)))
        {
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }
        }
    }

    private static string Inside(string root, string path) => Path.Combine(root, path.TrimStart('/'));

    private static void Remove(string path, TextWriter output)
    {
        if (File.Exists(path) || new FileInfo(path).LinkTarget is not null)
        {
            File.Delete(path);
            output.WriteLine($"removed {path}");
        }
    }

    /// <summary>Copies a folder. A file takes the place of an older one as a whole, which a daemon that runs may have open and go on with.</summary>
    internal static void CopyFolder(string source, string target)
    {
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(target)))
        {
            return; // installed from where it is installed
        }

        Directory.CreateDirectory(target);
        foreach (string folder in Directory.EnumerateDirectories(source, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.Combine(target, Path.GetRelativePath(source, folder)));
        }

        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string place = Path.Combine(target, Path.GetRelativePath(source, file));
            string temporary = place + ".new";
            File.Copy(file, temporary, overwrite: true);
            File.Move(temporary, place, overwrite: true);
        }
    }
}
