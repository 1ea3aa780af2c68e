using System.Globalization;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Web;

/// <summary>Users and groups by name, from the files of this machine; other directories are not asked.</summary>
internal static class Accounts
{
    private const int NumberField = 2;

    /// <summary>The number of a user or group.</summary>
    /// <param name="file"><c>/etc/passwd</c> or <c>/etc/group</c>: fields separated by colons, name first and number third.</param>
    /// <param name="nameOrNumber">The name, or the number itself.</param>
    /// <exception cref="SettingsException">There is none.</exception>
    internal static int Find(string file, string nameOrNumber)
    {
        if (int.TryParse(nameOrNumber, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return number;
        }

        foreach (string line in File.ReadLines(file))
        {
            string[] fields = line.Split(':');
            if (fields.Length > NumberField && fields[0] == nameOrNumber
                && int.TryParse(fields[NumberField], NumberStyles.None, CultureInfo.InvariantCulture, out number))
            {
                return number;
            }
        }

        throw new SettingsException([$"'{nameOrNumber}' is not in {file}."]);
    }
}
