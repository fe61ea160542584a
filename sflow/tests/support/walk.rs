//! Goes through everything a datagram holds.

use sflow::{Datagram, DecodeError, Sample};

/// How much a datagram held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Samples that decoded.
    pub(crate) samples: usize,
    /// Records of samples that decoded.
    pub(crate) records: usize,
    /// Everything that did not.
    pub(crate) errors: Vec<DecodeError>,
}

/// Decodes all of `bytes`.
pub(crate) fn walk(bytes: &[u8]) -> Walked {
    let mut walked = Walked::default();
    match Datagram::decode(bytes) {
        Ok(datagram) => datagram.samples().for_each(|sample| walked.sample(sample)),
        Err(error) => walked.errors.push(error),
    }
    walked
}

impl Walked {
    fn sample(&mut self, sample: Result<Sample<'_>, DecodeError>) {
        match sample {
            Ok(Sample::Flow(flow)) => flow.records().for_each(|record| self.record(record)),
            Ok(Sample::Counters(counters)) => {
                counters.records().for_each(|record| self.record(record));
            }
            Ok(Sample::Unknown { .. }) => {}
            Err(error) => return self.errors.push(error),
        }
        self.samples += 1;
    }

    fn record<T>(&mut self, record: Result<T, DecodeError>) {
        match record {
            Ok(_) => self.records += 1,
            Err(error) => self.errors.push(error),
        }
    }
}
