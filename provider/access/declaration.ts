/** The access that one resource of the program declares. */
export interface Declaration {
  urn: string;
  checkpoint: string;
  projectIds: ReadonlySet<string>;
  /** Whether no other project may have access. */
  exclusive: boolean;
}

/** A URN's last part: the resource's name. */
export function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** A URN's type and name, without those of its parents. A resource whose URN is not known has neither. */
export function typeAndNameOf(urn: string): string {
  const [name = "", type = ""] = urn.split("::").reverse();
  return `${type.slice(type.lastIndexOf("$") + 1)}::${name}`;
}
