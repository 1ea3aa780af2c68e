using System.Globalization;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Web;

/// <summary>Users and groups by name, from the files of this machine; other directories are not asked.</summary>
internal static class Accounts
{
    private const int NumberField = 2;

    /// <summary>Where users are.</summary>
    internal const string Users = "/etc/passwd";

    /// <summary>Where groups are.</summary>
    internal const string Groups = "/etc/group";

    /// <summary>The number of a user or group.</summary>
    /// <param name="file"><see cref="Users"/> or <see cref="Groups"/>: fields separated by colons, name first and number third.</param>
    /// <param name="nameOrNumber">The name, or the number itself.</param>
    /// <exception cref="SettingsException">There is none.</exception>
    internal static int Find(string file, string nameOrNumber) =>
        TryFind(file, nameOrNumber) ?? throw new SettingsException([$"'{nameOrNumber}' is not in {file}."]);

    /// <summary>The same for a setting that may be empty.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    internal static int? Parse(string file, string nameOrNumber) => nameOrNumber.Length == 0
        ? null
        : TryFind(file, nameOrNumber) ?? throw new FormatException($"a name that is in {file}, a number, or nothing is valid");

    private static int? TryFind(string file, string nameOrNumber)
    {
        if (int.TryParse(nameOrNumber, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return number;
        }

        foreach (string line in File.Exists(file) ? File.ReadLines(file) : [])
        {
            string[] fields = line.Split(':');
            if (fields.Length > NumberField && fields[0] == nameOrNumber
                && int.TryParse(fields[NumberField], NumberStyles.None, CultureInfo.InvariantCulture, out number))
            {
                return number;
            }
        }

        return null;
    }
}
