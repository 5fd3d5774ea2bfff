/** Who writes to whom in the samples. All domains are reserved for examples (RFC 2606). */
export const IRIS = { name: 'Iris Vermeer', address: 'iris@demo.example' };
export const PAUL = { name: 'Paul Okafor', address: 'paul@demo.example' };
export const MAYA = { name: 'Maya Lindqvist', address: 'maya@harbour.example' };
export const TOMAS = { name: 'Tomás Ferreira', address: 'tomas@harbour.example' };
export const JUNE = { name: 'June Park', address: 'june.park@orchard.example' };
export const OMAR = { name: 'Omar Haddad', address: 'omar@orchard.example' };
export const SHOP = { name: 'Kettle & Cloth', address: 'orders@kettle.example' };
export const LIST = { name: 'Bread bakers', address: 'bakers@lists.example' };
