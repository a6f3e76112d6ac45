//! Tests from Kafka to Kafka, against real brokers. They share one broker; those that kill, stop or configure brokers
//! have their own.

mod choices;
mod ending;
mod errors;
mod exactly_once;
mod figures;
mod group;
mod health;
mod letters;
mod members;
mod messages;
mod million;

mod owners;
mod poison;
mod positions;
mod reading;
mod refused;
mod replay;
mod schemas;
mod secure;
mod slow;
mod start;
mod topics;
mod trying;
